using KafkaFeeder.Daemon.Commands;

var parsed = CommandLine.Build().Parse(args);
var exitCode = parsed.Invoke();
return parsed.Errors.Count > 0 ? ExitCode.Usage : exitCode; // the library says 1, which means something else here
