namespace HoleChecker.Counting;

/// <summary>Numbers are too scattered to be kept within the limit.</summary>
public sealed class SequenceMemoryException(string message) : Exception(message);

/// <summary>What all <see cref="SequenceSet"/>s of a run may take together, so that senseless numbers do not take the machine.</summary>
/// <param name="limitBytes">Inclusive. 1 GiB holds 8 thousand million messages without holes.</param>
public sealed class SequenceMemory(long limitBytes = 1L << 30)
{
    /// <summary>What is taken now.</summary>
    public long TakenBytes { get; private set; }

    /// <summary>Takes memory that is not given back.</summary>
    /// <exception cref="SequenceMemoryException">The limit would be passed.</exception>
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
