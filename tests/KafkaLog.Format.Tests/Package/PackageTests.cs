using System.Runtime.CompilerServices;
using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Package;

/// <summary>What a user of the package sees first: its surface, and the sample in its README.</summary>
public sealed class PackageTests
{
    [Fact]
    public void The_public_API_is_the_reviewed_one() => PublicApi.AssertIs(typeof(LogWriter).Assembly, InTree("PublicApi.txt"));

    [Fact]
    public void The_README_has_the_sample_that_this_test_runs() =>
        ReadmeSample.AssertIsIn(InTree("../../../src/KafkaLog.Format/README.md"));

    [Fact]
    public void The_sample_writes_and_reads()
    {
        using var folder = new TempFolder();
        using var output = new StringWriter();
        Sample(folder.Path, output);
        Assert.Equal("0: paid 12.50", output.ToString().Trim());
    }

    private static void Sample(string directory, StringWriter Console)
    {
        using (var writer = new LogWriter(new LogWriterOptions { Directory = directory, Component = "orders" }))
        {
            writer.Append(new NewRecord(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), "nina"u8, "paid 12.50"u8), Durability.Flushed);
        }

        using var reader = SegmentReader.Open(Directory.GetFiles(directory, "*.szn").Single());
        var decoder = new RecordBatchDecoder();
        while (reader.TryRead() is not SegmentReadStatus.NeedMore and var status)
        {
            if (status == SegmentReadStatus.Corrupt)
            {
                Console.WriteLine($"{reader.Damage!.Bytes} bytes at {reader.Damage.Position} are no batch: {reader.Damage.Reason}");
                reader.Pass(reader.Damage);
                continue;
            }

            var records = decoder.Decode(reader.Batch.Span);
            while (records.MoveNext())
            {
                Console.WriteLine($"{records.Current.Offset}: {Encoding.UTF8.GetString(records.Current.Value)}");
            }
        }
    }

    private static string InTree(string path, [CallerFilePath] string source = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, path));
}
