using System.CommandLine;
using KafkaFeeder.Daemon.Commands;

return CommandLine.Build().Parse(args).Invoke();
