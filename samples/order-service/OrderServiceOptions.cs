using System.CommandLine;
using System.Globalization;

namespace OrderService;

/// <summary>What the command line says.</summary>
internal sealed record OrderServiceOptions
{
    public required string Directory { get; init; }

    public required string Component { get; init; }

    /// <summary>Events in all, spread over the producers.</summary>
    public required long Count { get; init; }

    public required int Producers { get; init; }

    /// <summary>Events a second in all; 0: as fast as it goes.</summary>
    public required double Rate { get; init; }

    /// <summary>A new segment each so often.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>Tells this run's events from those of others in the same topic.</summary>
    public required string Run { get; init; }

    /// <summary>The command; <paramref name="run"/> does the work and returns the exit code.</summary>
    public static RootCommand Command(TimeProvider time, Func<OrderServiceOptions, int> run)
    {
        var directory = new Option<string>("--dir") { Description = "where the segments go", Required = true };
        var component = new Option<string>("--component")
        {
            Description = "the log's name in their names",
            DefaultValueFactory = _ => "orders",
        };
        var count = AtLeast("--count", 1_000_000L, 1, "events in all");
        var producers = AtLeast("--producers", 1, 1, "threads that log; each numbers its events from 1");
        var rate = AtLeast("--rate", 0.0, 0, "events a second in all; 0: as fast as it goes");
        var interval = AtLeast("--interval", 3600, 1, "seconds after which a new segment begins; divides an hour or a day");
        var runName = new Option<string>("--run")
        {
            Description = "tells this run's events from others' (default: the time)",
            DefaultValueFactory = _ => time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture),
        };
        var command = new RootCommand(
            "Logs numbered business events through the KafkaLog sink. Exits with 0 only if every event was written.")
        {
            directory, component, count, producers, rate, interval, runName,
        };
        command.SetAction(parsed => run(new OrderServiceOptions
        {
            Directory = parsed.GetRequiredValue(directory),
            Component = parsed.GetRequiredValue(component),
            Count = parsed.GetRequiredValue(count),
            Producers = parsed.GetRequiredValue(producers),
            Rate = parsed.GetRequiredValue(rate),
            Interval = TimeSpan.FromSeconds(parsed.GetRequiredValue(interval)),
            Run = parsed.GetRequiredValue(runName),
        }));
        return command;
    }

    private static Option<T> AtLeast<T>(string name, T absent, T min, string description) where T : IComparable<T>
    {
        var option = new Option<T>(name) { Description = description, DefaultValueFactory = _ => absent };
        option.Validators.Add(result =>
        {
            if (!result.Errors.Any() && result.GetValueOrDefault<T>() is { } value && value.CompareTo(min) < 0)
            {
                result.AddError($"{name} is {value}; it must be at least {min}.");
            }
        });
        return option;
    }
}
