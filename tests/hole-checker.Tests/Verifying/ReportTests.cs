using System.Text;
using System.Text.Json;
using HoleChecker.Counting;
using HoleChecker.Verifying;
using Xunit;

namespace HoleChecker.Tests.Verifying;

public class ReportTests
{
    [Fact]
    public void A_topic_with_nothing_missing_is_whole()
    {
        var report = Report(expected: 3, 1, 2, 3, 3);
        Assert.True(report.IsWhole);
        Assert.Equal("no holes: 3 messages, 3 expected; 1 duplicate, 0 out of order", ReportText.Verdict(report));
    }

    [Fact]
    public void More_than_expected_is_whole_and_reported()
    {
        var report = Report(expected: 2, 1, 2, 3);
        Assert.True(report.IsWhole);
        Assert.Equal("no holes: 3 messages, 2 expected: 1 MORE than expected; 0 duplicates, 0 out of order", ReportText.Verdict(report));
    }

    [Fact]
    public void The_expected_number_applies_to_each_run()
    {
        var tally = new TopicTally(1, new SequenceMemory());
        Add(tally, "a producer=1"u8, 100);
        Add(tally, "b producer=1"u8, 50);
        Assert.False(tally.HasOfEachRun(100));
        Add(tally, "b producer=2"u8, 40);
        Add(tally, "c producer=1"u8, 101);
        var report = Report(100, tally);
        Assert.False(report.IsWhole);
        Assert.Equal(
            [("a", 100L, 0, 0L), ("b", 90, 10, 0), ("c", 101, 0, 1)],
            report.Runs.Select(run => (run.Run, run.Distinct, run.MissingAtTheEnd, run.More)));
        Assert.StartsWith("HOLES: 10 of 301 messages missing (10 of them", ReportText.Verdict(report), StringComparison.Ordinal);
        var text = new StringWriter();
        ReportText.Write(report, text);
        Assert.Contains(
            "run b: 90 messages, 100 expected: 10 missing\nrun c: 101 messages, 100 expected: 1 more\n",
            text.ToString(),
            StringComparison.Ordinal);
        Assert.Equal("b", Json(report).GetProperty("runs")[1].GetProperty("run").GetString());

        Add(tally, "b producer=2"u8, 50);
        Assert.True(tally.HasOfEachRun(100));
        Assert.True(Report(100, tally).IsWhole);
    }

    [Fact]
    public void One_run_is_counted_alone()
    {
        var tally = new TopicTally(1, new SequenceMemory(), onlyRun: "a");
        Add(tally, "a producer=1"u8, 10);
        Add(tally, "ab producer=1"u8, 5);
        Assert.Equal((15, 10, 5), (tally.Received, tally.Distinct, tally.OfOtherRuns));
        Assert.True(Report(10, tally).IsWhole);
        Assert.Equal("a", Report(10, tally).Runs.Single().Run);
    }

    [Fact]
    public void The_largest_number_does_not_overflow()
    {
        var tally = new TopicTally(1, new SequenceMemory());
        tally.Add(0, tally.Received, new NumberedMessage("a producer=1"u8, long.MaxValue));
        tally.Add(0, tally.Received, new NumberedMessage("a producer=2"u8, long.MaxValue));
        tally.Add(0, tally.Received, new NumberedMessage("b producer=1"u8, long.MaxValue - 1));
        var report = Report(long.MaxValue, tally);
        Assert.StartsWith(
            "HOLES: 27,670,116,110,564,327,418 of 27,670,116,110,564,327,421 messages missing (1 of them after the last",
            ReportText.Verdict(report),
            StringComparison.Ordinal);
        Assert.Equal(new HoleRange(1, long.MaxValue - 1), report.Sources[0].Holes().Single());
        Assert.False(Json(report).GetProperty("whole").GetBoolean());
    }

    [Fact]
    public void A_hole_is_not_whole_even_if_enough_came()
    {
        var report = Report(expected: 3, 1, 2, 4);
        Assert.False(report.IsWhole);
        Assert.Equal("HOLES: 1 of 4 messages missing; 0 duplicates, 0 out of order", ReportText.Verdict(report));
    }

    [Fact]
    public void Messages_that_are_expected_and_never_came_are_missing_after_the_last_one()
    {
        var report = Report(expected: 10, 1, 2, 4);
        Assert.Equal((1, 6), (report.Missing, report.MissingAtTheEnd));
        Assert.Equal(
            "HOLES: 7 of 10 messages missing (6 of them after the last that came); 0 duplicates, 0 out of order",
            ReportText.Verdict(report));
    }

    [Fact]
    public void No_numbered_message_is_nothing_to_check_unless_some_were_expected()
    {
        Assert.True(Report(expected: null).IsEmpty);
        Assert.False(Report(expected: 1).IsEmpty);
        Assert.False(Report(expected: 1).IsWhole);
        Assert.True(Report(expected: 0).IsWhole);
    }

    [Fact]
    public void Long_lists_of_holes_are_cut_and_counted()
    {
        var report = Report(expected: null, [.. Enumerable.Range(1, 5000).Select(n => n * 2L)]);

        var text = new StringWriter();
        ReportText.Write(report, text);
        Assert.Contains("  missing: 39\n  and 4,980 more holes\n", text.ToString(), StringComparison.Ordinal);

        var source = Json(report).GetProperty("producers")[0];
        Assert.Equal(1000, source.GetProperty("holes").GetArrayLength());
        Assert.Equal(5000, source.GetProperty("holesCount").GetInt64());
    }

    [Fact]
    public void Json_says_what_text_says()
    {
        var json = Json(Report(expected: 10, 1, 2, 6, 5, 5));
        Assert.False(json.GetProperty("whole").GetBoolean());
        Assert.Equal(10, json.GetProperty("expected").GetInt64());
        Assert.Equal(2, json.GetProperty("missing").GetInt64());
        Assert.Equal(4, json.GetProperty("missingAtTheEnd").GetInt64());
        var source = json.GetProperty("producers")[0];
        Assert.Equal("r", source.GetProperty("run").GetString());
        Assert.Equal("1", source.GetProperty("producer").GetString());
        Assert.Equal("[[3,4]]", JsonSerializer.Serialize(source.GetProperty("holes")));
        Assert.Equal(1, source.GetProperty("duplicates").GetInt64());
        Assert.Equal(1, source.GetProperty("outOfOrder").GetInt64());
    }

    [Fact]
    public void Duplicates_are_a_fault_only_if_none_are_allowed()
    {
        var tally = Tally(1, 2, 2, 3, 1);
        Assert.True(Report(3, tally).IsGood);

        var report = Report(3, tally, noDuplicates: true);
        Assert.Equal((true, false), (report.IsWhole, report.IsGood));
        Assert.Equal("DUPLICATES: 2 duplicates, 0 out of order; no holes: 3 messages, 3 expected", ReportText.Verdict(report));
        Assert.True(Report(3, Tally(1, 3, 2), noDuplicates: true).IsGood);
    }

    [Fact]
    public void Holes_and_duplicates_are_both_in_the_verdict()
    {
        var report = Report(null, Tally(1, 2, 2, 4), noDuplicates: true);
        Assert.False(report.IsGood);
        Assert.Equal("HOLES AND DUPLICATES: 1 of 4 messages missing; 1 duplicate, 0 out of order", ReportText.Verdict(report));
        Assert.False(Report(null, Tally(1, 2, 4), noDuplicates: true).IsGood);
    }

    [Fact]
    public void The_places_of_duplicates_are_listed_if_none_are_allowed()
    {
        var text = Text(Report(null, Tally(1, 2, 2, 1), noDuplicates: true));
        Assert.Contains(
            """
            2 duplicates, and --no-duplicates allows none:
              partition 0 offset 2: run r producer 1 number 2
              partition 0 offset 3: run r producer 1 number 1
            DUPLICATES: 
            """.TrimEnd(),
            text,
            StringComparison.Ordinal);
        Assert.DoesNotContain("offset 2", Text(Report(null, Tally(1, 2, 2, 1))), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_many_duplicates_the_first_are_listed_and_all_are_counted()
    {
        var report = Report(null, Tally(Enumerable.Range(0, 200).Select(n => (n % 100) + 1L)), noDuplicates: true);
        var text = Text(report);
        Assert.Contains("100 duplicates, and --no-duplicates allows none; the first:\n", text, StringComparison.Ordinal);
        Assert.Contains("  partition 0 offset 119: run r producer 1 number 20\nDUPLICATES: 100", text, StringComparison.Ordinal);
        var json = Json(report);
        Assert.Equal(100, json.GetProperty("duplicates").GetInt64());
        Assert.Equal(20, json.GetProperty("firstDuplicates").GetArrayLength());
        Assert.Equal(
            """{"partition":0,"offset":119,"run":"r","producer":"1","seq":20}""",
            JsonSerializer.Serialize(json.GetProperty("firstDuplicates")[19]));
        Assert.Equal((true, false), (json.GetProperty("whole").GetBoolean(), json.GetProperty("good").GetBoolean()));
    }

    private static string Text(VerifyReport report)
    {
        var text = new StringWriter();
        ReportText.Write(report, text);
        return text.ToString();
    }

    private static JsonElement Json(VerifyReport report)
    {
        using var stream = new MemoryStream();
        ReportJson.Write(report, stream);
        return JsonDocument.Parse(Encoding.UTF8.GetString(stream.ToArray())).RootElement;
    }

    private static VerifyReport Report(long? expected, params long[] sequences) => Report(expected, Tally(sequences));

    /// <summary>Numbers of one producer, at the offsets from 0 on.</summary>
    private static TopicTally Tally(params IEnumerable<long> sequences)
    {
        var tally = new TopicTally(1, new SequenceMemory());
        foreach (var sequence in sequences)
        {
            tally.Add(0, tally.Received, new NumberedMessage("r producer=1"u8, sequence));
        }

        return tally;
    }

    private static VerifyReport Report(long? expected, TopicTally tally, bool noDuplicates = false)
    {
        var options = new VerifyOptions { BootstrapServers = "b", Topic = "t", Expected = expected, NoDuplicates = noDuplicates };
        return new(options, 1, 0, tally, TimeSpan.FromSeconds(1), 0);
    }

    private static void Add(TopicTally tally, ReadOnlySpan<byte> source, int upTo)
    {
        for (var sequence = 1; sequence <= upTo; sequence++)
        {
            tally.Add(0, tally.Received, new NumberedMessage(source, sequence));
        }
    }
}
