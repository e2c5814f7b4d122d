using System.CommandLine;
using KafkaFeeder.CommandLine;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Writing;

/// <summary>The options of commands that write a log.</summary>
internal sealed class WriterArguments
{
    private readonly Option<string> _dir =
        new("--dir") { Required = true, HelpName = "D", Description = "Where the segments go; made if it is missing" };
    private readonly Option<string> _component =
        new("--component") { Required = true, HelpName = "C", Description = "The log's name in the names of its segments" };

    private readonly Option<TimeSpan> _interval = new("--interval")
    {
        HelpName = "DURATION",
        Description = "When segments roll; it divides an hour or a day. A bare number is seconds [default: 1h]",
        CustomParser = ArgumentParsers.Duration,
    };

    private readonly Option<long> _maxBytes = new("--max-bytes")
    {
        HelpName = "SIZE",
        Description = "The size at which a segment rolls before its time [default: 1GiB]",
        CustomParser = ArgumentParsers.Size(1, long.MaxValue),
    };

    private readonly Option<Durability> _durability = new("--durability")
    {
        HelpName = "buffered|flushed|synced",
        Description = "What a record must survive before more is read: nothing, this process, the machine",
        DefaultValueFactory = _ => Durability.Flushed,
        CustomParser =
            ArgumentParsers.OneOf(("buffered", Durability.Buffered), ("flushed", Durability.Flushed), ("synced", Durability.Synced)),
    };

    private readonly Option<TimeSpan> _linger = new("--linger")
    {
        HelpName = "DURATION",
        Description = "With --durability buffered: how long a record may wait for its batch to fill [default: 100ms]",
        CustomParser = ArgumentParsers.Duration,
    };

    private readonly Option<CompressionType> _codec = CodecOption.Create();

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _dir, _component, _interval, _maxBytes, _codec, _durability, _linger })
        {
            command.Add(option);
        }
    }

    /// <summary>Creates the writer that the options describe.</summary>
    /// <exception cref="UserErrorException">An option is wrong, or the directory cannot be made.</exception>
    public PatientWriter CreateWriter(ParseResult arguments, CancellationToken stop)
    {
        var options = new LogWriterOptions
        {
            Directory = arguments.GetRequiredValue(_dir),
            Component = arguments.GetRequiredValue(_component),
            Codec = arguments.GetValue(_codec),
        };
        options = options with
        {
            Interval = OrDefault(_interval, options.Interval),
            FileSizeLimitBytes = OrDefault(_maxBytes, options.FileSizeLimitBytes),
            Linger = OrDefault(_linger, options.Linger),
        };
        var faults = options.Validate();
        if (faults.Count > 0)
        {
            throw new UserErrorException(string.Join(" ", faults));
        }

        try
        {
            Directory.CreateDirectory(options.Directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"cannot make the directory {options.Directory}: {e.Message}");
        }

        return new PatientWriter(options, arguments.GetValue(_durability), stop);

        T OrDefault<T>(Option<T> option, T standard) => arguments.GetResult(option) is null ? standard : arguments.GetValue(option)!;
    }
}
