namespace KafkaLog.Benchmarks;

internal static class SomeText
{
    /// <summary>Letters and spaces; the same at each run for the same seed.</summary>
    public static byte[] Of(int bytes, int seed = 0)
    {
        var random = new Random(4711 + seed);
        var text = new byte[bytes];
        for (var i = 0; i < bytes; i++)
        {
            text[i] = "etaoinshrdlu   ,.:{}\"0123456789"u8[random.Next(31)];
        }

        return text;
    }
}
