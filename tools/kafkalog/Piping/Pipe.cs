using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Native;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Piping;

/// <summary>Standard input to records. Nothing more is read until what was read is as safe as was asked for.</summary>
internal sealed class Pipe(PatientWriter writer, int maxLineBytes, bool copies, TimeProvider time, CancellationToken stop)
{
    // The most that a pipe may hold when the program is told to stop; the kernel's default limit is 1 MiB.
    private const int MaxLeftBytes = 16 << 20;

    private readonly OccasionalNotice _longLines = new(ErrorOutput.Say, time);
    private bool _copies = copies;

    /// <summary>Reads until the end of the input, or until it is told to stop; then it still reads what is in the pipe.</summary>
    /// <exception cref="IOException">Standard input cannot be read.</exception>
    public void Run()
    {
        using var wake = new WakePipe(stop);
        using var lines = new LineBuffer(maxLineBytes);
        var isOpen = true;
        while (isOpen && !stop.IsCancellationRequested)
        {
            if (StandardStreams.WaitForInput(wake.Handle))
            {
                isOpen = Take(lines, int.MaxValue) > 0;
            }
        }

        for (var left = isOpen ? Math.Min(MaxLeftBytes, StandardStreams.InputBytesThere()) : 0; left > 0;)
        {
            var taken = Take(lines, left);
            left = taken == 0 ? 0 : left - taken;
        }

        lines.End();
        Store(lines);
        _longLines.Finish();
    }

    private int Take(LineBuffer lines, int maxBytes)
    {
        var room = lines.Room();
        room = room[..Math.Min(room.Length, maxBytes)];
        var read = StandardStreams.Read(room);
        var longBefore = lines.LongLines;
        lines.Add(read, time.GetUtcNow().ToUnixTimeMilliseconds());
        if (lines.LongLines > longBefore)
        {
            _longLines.Add(
                count =>
                    $"{Quantity.Of(count, "line", "lines")} longer than {maxLineBytes} bytes, {_longLines.Count} in all: each became "
                        + "several records (--max-line).",
                lines.LongLines - longBefore);
        }

        var copied = _copies ? room[..read].ToArray() : [];
        Store(lines);
        Copy(copied);
        return read;
    }

    private void Store(LineBuffer lines)
    {
        if (lines.HasRecords)
        {
            writer.Store(lines);
            lines.Stored();
        }
    }

    private void Copy(ReadOnlySpan<byte> bytes)
    {
        try
        {
            StandardStreams.Write(bytes);
        }
        catch (IOException e)
        {
            _copies = false;
            ErrorOutput.Say($"--tee ends: {e.Message}. The records are written all the same.");
        }
    }
}
