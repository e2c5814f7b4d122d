# make build   out/bin/: kafkafeeder, hole-checker, kafkalog and the sample application
# make demo    a million events through a real Kafka while a broker and the daemon are killed
# make test    all tests; ends with the line "tests: N passed, N failed"
# make test-unit  of these, what takes about a minute: no other processes, no brokers
# make storm   two million records while the daemon is killed 200 times, brokers fail, requests and answers are lost: docs/STORM.md
# make pack    the NuGet packages of the format and the sink, in out/packages
# make fuzz    ten minutes of damaged and hostile files for the format library; FUZZ_SECONDS=N for longer
# make deb     the Debian packages, in out/deb: packaging/deb/README.md
# make deb-test  the packages in a bare Debian under systemd, shipping to a real Kafka: docs/INSTALLED.md
# make release everything that is released, in out/release: packages of both kinds, SBOM, SHA256SUMS
# make bench   against kcat and rsyslog on the same broker
# make bench-daemon  the daemon as it is packaged, with many logs, many files, one stuck log: CPU, fsyncs, memory, start, throughput
# Each target installs what it needs (Debian packages, as root) and builds first.

PROGRAMS := src/KafkaFeeder.Daemon:kafkafeeder tools/hole-checker:hole-checker tools/kafkalog:kafkalog samples/order-service:order-service

.PHONY: build demo test test-unit storm fuzz pack bench bench-daemon deb deb-test release clean

build:
	@scripts/setup run
	@scripts/publish $(PROGRAMS)

demo: build
	@scripts/setup kafka
	@samples/demo/demo

test:
	@scripts/setup run kafka test
	@tests/run

test-unit:
	@scripts/setup run
	@tests/run unit

storm: build
	@scripts/setup kafka storm
	@scripts/storm

pack:
	@scripts/pack

deb:
	@scripts/setup run deb
	@packaging/deb/build

deb-test: deb
	@scripts/setup kafka deb-test
	@packaging/deb/test

release: deb
	@scripts/setup release
	@scripts/release

fuzz:
	@scripts/setup run test
	@tests/fuzz/run --seconds $(or $(FUZZ_SECONDS),600)

bench: build
	@scripts/setup kafka bench
	@scripts/publish-packaged out/packaged src/KafkaFeeder.Daemon:kafkafeeder
	@bench/shipping/shipping

bench-daemon:
	@scripts/setup run kafka bench-daemon
	@scripts/publish-packaged out/packaged src/KafkaFeeder.Daemon:kafkafeeder
	@bench/daemon/daemon

clean:
	rm -rf out BenchmarkDotNet.Artifacts
	find . -type d \( -name bin -o -name obj \) -not -path './.git/*' -prune -exec rm -rf {} +
