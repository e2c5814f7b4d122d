using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace KafkaFeeder.Tests;

/// <summary>Waits for another thread or process that does not signal when it is done.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);

    /// <summary>Returns when the condition holds.</summary>
    /// <param name="holds">The condition. Checked every 25 ms.</param>
    /// <param name="instead">More text for the exception.</param>
    /// <param name="limit">How long to wait. Null means a minute.</param>
    /// <param name="what">What is waited for. By default the expression of the condition.</param>
    /// <exception cref="TimeoutException">The condition did not hold within the limit.</exception>
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
