namespace HoleChecker.Counting;

/// <summary>The numbers are too scattered to be kept within the memory limit.</summary>
public sealed class SequenceMemoryException(string message) : Exception(message);

/// <summary>What all <see cref="SequenceSet"/>s of a run may take together, so that absurd numbers do not use up all memory.</summary>
/// <param name="limitBytes">Inclusive. 1 GiB holds 8 thousand million messages without holes.</param>
public sealed class SequenceMemory(long limitBytes = 1L << 30)
{
    /// <summary>Bytes that are in use.</summary>
    public long TakenBytes { get; private set; }

    /// <summary>Counts memory that is not freed again.</summary>
    /// <exception cref="SequenceMemoryException">The limit would be exceeded.</exception>
    public void Take(long bytes)
    {
        if (TakenBytes + bytes > limitBytes)
        {
            throw new SequenceMemoryException(
                $"The sequence numbers are too scattered: keeping them takes more than {limitBytes >> 20} MiB, which is enough for "
                    + $"{limitBytes * 8 / 1_000_000} million messages numbered from 1 without holes.");
        }

        TakenBytes += bytes;
    }
}
