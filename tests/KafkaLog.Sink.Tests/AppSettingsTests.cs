using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Sink.Tests.Support;
using Microsoft.Extensions.Configuration;
using Serilog.Core;
using Serilog.Formatting.Json;
using Serilog.Settings.Configuration;
using Serilog;
using Xunit;

namespace KafkaLog.Sink.Tests;

public class AppSettingsTests
{
    [Fact]
    public void Every_parameter_can_be_set_from_appsettings()
    {
        using var folder = new TempFolder();
        using (var logger = Read($$"""
            {
              "Serilog": {
                "Using": [ "KafkaLog.Sink" ],
                "LevelSwitches": { "$orders": "Warning" },
                "WriteTo": [ {
                  "Name": "KafkaLog",
                  "Args": {
                    "directory": "{{folder.Path}}",
                    "component": "orders",
                    "intervalSeconds": 600,
                    "fileSizeLimitBytes": 1000000,
                    "codec": "Gzip",
                    "durability": "Buffered",
                    "keyProperty": "Customer",
                    "formatter": "Serilog.Formatting.Json.JsonFormatter, Serilog",
                    "whenFull": "Drop",
                    "queueLimitBytes": 2000000,
                    "batchBytes": 32768,
                    "lingerMilliseconds": 50,
                    "restrictedToMinimumLevel": "Verbose",
                    "levelSwitch": "$orders"
                  }
                } ]
              }
            }
            """))
        {
            logger.Information("not this");
            logger.Warning("Order of {Customer}", "nina");
        }

        var record = Assert.Single(Written.In(folder.Path, "orders"));
        Assert.Equal("nina", record.Key);
        Assert.Equal("Warning", record.Json.GetProperty("Level").GetString()); // the other formatter's shape
        Assert.Contains("_600_UTC-orders.szn", Assert.Single(Written.Segments(folder.Path, "orders")));
    }

    [Fact]
    public void An_audit_can_be_set_from_appsettings_with_no_more_than_it_needs()
    {
        using var folder = new TempFolder();
        using (var logger = Read($$"""
            { "Serilog": { "AuditTo": [ { "Name": "KafkaLog", "Args": {
              "directory": "{{folder.Path}}", "component": "audit", "keyTemplate": "c-{Customer}" } } ] } }
            """))
        {
            logger.Information("Order of {Customer}", "nina");
        }

        Assert.Equal("c-nina", Assert.Single(Written.In(folder.Path, "audit")).Key);
    }

    private static Logger Read(string json)
    {
        var configuration = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
        return new LoggerConfiguration()
            .ReadFrom.Configuration(
                configuration, new ConfigurationReaderOptions(typeof(KafkaLogSink).Assembly, typeof(JsonFormatter).Assembly))
            .CreateLogger();
    }
}
