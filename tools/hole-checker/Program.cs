Console.WriteLine(KafkaFeeder.Librdkafka.TryLoad(out var problem) ? Confluent.Kafka.Library.VersionString : problem);
return 0;
