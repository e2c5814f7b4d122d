using System.Runtime.CompilerServices;
using KafkaFeeder.Tests;
using Serilog;
using Xunit;

namespace KafkaLog.Sink.Tests.Package;

/// <summary>What a user of the package sees first: its surface, and the sample in its README.</summary>
public sealed class PackageTests
{
    [Fact]
    public void The_public_API_is_the_reviewed_one() => PublicApi.AssertIs(typeof(KafkaLogSink).Assembly, InTree("PublicApi.txt"));

    [Fact]
    public void The_README_has_the_sample_that_this_test_runs() =>
        ReadmeSample.AssertIsIn(InTree("../../../src/KafkaLog.Sink/README.md"));

    [Fact]
    public void The_sample_writes_a_segment()
    {
        using var folder = new TempFolder();
        Sample(folder.Path);
        Assert.Single(folder.Segments());
    }

    private static void Sample(string directory)
    {
        Log.Logger = new LoggerConfiguration()
            .WriteTo.KafkaLog(directory, "orders", keyProperty: "Customer")
            .CreateLogger();

        Log.Information("Order {OrderId} of {Customer} paid {Amount}", 4711, "nina", 12.50m);

        Log.CloseAndFlush();
    }

    private static string InTree(string path, [CallerFilePath] string source = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, path));
}
