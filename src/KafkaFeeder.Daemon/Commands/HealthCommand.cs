using KafkaFeeder.Daemon.Hosting;

namespace KafkaFeeder.Daemon.Commands;

/// <summary>
/// <c>kafkafeeder health</c>: what <c>/healthz</c> of the running daemon says, for container engines. 0 or 1, nothing else is
/// a health to them.
/// </summary>
internal static class HealthCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static int Execute(string configuration)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Failed;
        }

        if (options.Status.AskAt is not { } endpoint)
        {
            Console.Error.WriteLine($"{options.SourceFile}: status.listen is off, so the daemon cannot be asked.");
            return ExitCode.Failed;
        }

        try
        {
            using var client = new HttpClient { Timeout = Patience };
            using var answer = client.GetAsync(new Uri($"http://{endpoint}/healthz")).GetAwaiter().GetResult();
            Console.Out.Write(answer.Content.ReadAsStringAsync().GetAwaiter().GetResult());
            return answer.IsSuccessStatusCode ? ExitCode.Ok : ExitCode.Failed;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            Console.Error.WriteLine($"No daemon answers at {endpoint}: {e.Message}");
            return ExitCode.Failed;
        }
    }
}
