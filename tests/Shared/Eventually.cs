using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace KafkaFeeder.Tests;

/// <summary>Waiting for what another thread or another process does, where nothing tells that it is done.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);

    /// <summary>Returns when it holds.</summary>
    /// <param name="holds">Asked every 25 ms.</param>
    /// <param name="instead">What to say when the limit is over, beside what was waited for.</param>
    /// <param name="limit">How long; null: a minute.</param>
    /// <param name="what">What is waited for; by itself the expression.</param>
    /// <exception cref="TimeoutException">The limit is over.</exception>
    public static async Task HoldsAsync(
        Func<Task<bool>> holds,
        Func<string>? instead = null,
        TimeSpan? limit = null,
        [CallerArgumentExpression(nameof(holds))] string what = "")
    {
        var began = Stopwatch.GetTimestamp();
        while (!await holds().ConfigureAwait(false))
        {
            if (Stopwatch.GetElapsedTime(began) > (limit ?? Limit))
            {
                throw new TimeoutException($"Waited for {(limit ?? Limit).TotalSeconds} s until {what}: in vain. {instead?.Invoke()}");
            }

            await Task.Delay(Look).ConfigureAwait(false);
        }
    }

    /// <inheritdoc cref="HoldsAsync(Func{Task{bool}}, Func{string}, TimeSpan?, string)"/>
    public static Task HoldsAsync(
        Func<bool> holds,
        Func<string>? instead = null,
        TimeSpan? limit = null,
        [CallerArgumentExpression(nameof(holds))] string what = "") => HoldsAsync(() => Task.FromResult(holds()), instead, limit, what);

    /// <inheritdoc cref="HoldsAsync(Func{Task{bool}}, Func{string}, TimeSpan?, string)"/>
    public static void Holds(
        Func<bool> holds,
        Func<string>? instead = null,
        TimeSpan? limit = null,
        [CallerArgumentExpression(nameof(holds))] string what = "") => HoldsAsync(holds, instead, limit, what).GetAwaiter().GetResult();
}
