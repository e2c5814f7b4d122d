using KafkaFeeder.Tests;
using KafkaLog.Sink.Tests.Support;
using Serilog.Debugging;
using Xunit;

namespace KafkaLog.Sink.Tests;

/// <summary>A SelfLog handler may do anything, also log to the failing sink, and throw.</summary>
[Collection(nameof(SelfLogLines))]
public sealed class FailureReportTests : IDisposable
{
    private const int ManyLines = 10;

    private readonly ManualTime _time = new();
    private readonly List<string> _lines = [];
    private readonly FailureReport _report;
    private readonly FailureReport _other;

    public FailureReportTests() => (_report, _other) = (new FailureReport("orders", _time), new FailureReport("bills", _time));

    public void Dispose() => SelfLog.Disable();

    /// <summary>Though it takes so long that a line is due again.</summary>
    [Fact]
    public void A_failure_inside_a_handler_is_reported_to_it_later()
    {
        Listen(() =>
        {
            _time.Advance(FailureReport.Pause);
            _report.Add("again");
        });
        _report.Add("the disk is full");
        Assert.Single(_lines);
        SelfLog.Enable(_lines.Add);
        _report.Close(null);
        Assert.EndsWith("orders: again", _lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other failure")]
    [InlineData("line")]
    [InlineData("end")]
    public void A_handler_gets_no_line_while_it_handles_one(string what)
    {
        _other.Add("of before");
        Listen(() =>
        {
            switch (what)
            {
                case "other failure":
                    _time.Advance(FailureReport.Pause);
                    _other.Add("of another log");
                    break;
                case "line":
                    _other.Say("a line");
                    break;
                default:
                    _other.Recovered("it is well again");
                    break;
            }
        });
        _report.Add("the disk is full");
        Assert.Single(_lines);
    }

    [Fact]
    public void An_exception_of_a_handler_is_ignored_and_the_next_line_is_reported()
    {
        Listen(() => throw new InvalidOperationException("a faulty handler"));
        _report.Add("the disk is full");
        _report.Recovered("it is well again");
        _report.Say("a line");
        _report.Add("the disk is full");
        _report.Add("the disk is full");
        _report.Close("the end");
        Assert.Equal(6, _lines.Count);
    }

    [Fact]
    public void A_thread_can_report_while_another_one_is_reporting()
    {
        var thread = new Thread(() => _other.Add("of another log"));
        Listen(() =>
        {
            if (_lines.Count == 1)
            {
                thread.Start();
                thread.Join();
            }
        });
        _report.Add("the disk is full");
        Assert.Equal(2, _lines.Count);
    }

    /// <summary>A handler that stops in the end: without the guard some would never return.</summary>
    private void Listen(Action handler) => SelfLog.Enable(line =>
    {
        _lines.Add(line);
        if (_lines.Count < ManyLines)
        {
            handler();
        }
    });
}
