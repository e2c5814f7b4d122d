using Spectre.Console;

namespace KafkaFeeder.CommandLine;

/// <summary>A progress bar; nothing if standard error is not a terminal.</summary>
internal static class ProgressBar
{
    /// <param name="work">Gets what to call with how much is done, and how much there is.</param>
    public static T Show<T>(string title, Func<Action<long, long>, T> work)
    {
        if (Console.IsErrorRedirected)
        {
            return work(static (_, _) => { });
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask(Markup.Escape(title));
                return work((done, all) =>
                {
                    task.MaxValue = Math.Max(1, Math.Max(done, all));
                    task.Value = done;
                });
            });
    }
}
