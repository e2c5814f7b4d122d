using System.Numerics;

namespace HoleChecker.Counting;

/// <summary>
/// A set of sequence numbers from 1 on, at about a bit each: a bitmap in chunks that exist only where numbers came, so
/// that one number far away costs one chunk. Duplicates cost nothing. Not thread-safe.
/// <para>
/// Invariants: <see cref="Count"/> is the number of bits set; <see cref="Highest"/> is the highest of them, 0 if there
/// is none; no chunk is empty.
/// </para>
/// </summary>
/// <param name="memory">Where the chunks are accounted for.</param>
public sealed class SequenceSet(SequenceMemory memory)
{
    /// <summary>64 Ki numbers in 8 KiB: small enough for scattered ones, large enough that finding it is rare.</summary>
    private const int ChunkBits = 1 << 16;
    private const int ChunkWords = ChunkBits / 64;

    /// <summary>The array and its place in the dictionary, about.</summary>
    private const int ChunkBytes = (ChunkWords * sizeof(ulong)) + 64;

    private readonly Dictionary<long, ulong[]> _chunks = [];
    private long _lastIndex = -1;
    private ulong[] _last = [];

    /// <summary>How many different numbers there are.</summary>
    public long Count { get; private set; }

    /// <summary>The highest number; 0 if there is none.</summary>
    public long Highest { get; private set; }

    /// <summary>How many numbers from 1 to <see cref="Highest"/> are not there.</summary>
    public long Missing => Highest - Count;

    /// <summary>Adds a number.</summary>
    /// <returns>False if it was there before.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    /// <exception cref="SequenceMemoryException">It needs another chunk, and the memory limit is reached.</exception>
    public bool Add(long sequence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sequence, 1);
        var index = sequence / ChunkBits;
        if (index != _lastIndex)
        {
            _last = FindOrAdd(index);
            _lastIndex = index;
        }

        ref var word = ref _last[(int)(sequence % ChunkBits) >> 6];
        var bit = 1UL << (int)(sequence & 63);
        if ((word & bit) != 0)
        {
            return false;
        }

        word |= bit;
        Count++;
        Highest = Math.Max(Highest, sequence);
        return true;
    }

    /// <summary>Whether the number is there.</summary>
    public bool Contains(long sequence) =>
        sequence >= 1
        && _chunks.TryGetValue(sequence / ChunkBits, out var chunk)
        && (chunk[(int)(sequence % ChunkBits) >> 6] & (1UL << (int)(sequence & 63))) != 0;

    /// <summary>What is missing from 1 to <see cref="Highest"/>, ascending, neighbours joined.</summary>
    public IEnumerable<HoleRange> Holes()
    {
        var next = 1L; // the first number not yet known to be there or missing
        foreach (var index in _chunks.Keys.Order())
        {
            var chunk = _chunks[index];
            var start = index * ChunkBits;
            for (var bit = 0; bit < ChunkBits;)
            {
                var present = FirstSet(chunk, bit);
                if (present < 0)
                {
                    break; // the rest is missing, if anything comes after
                }

                if (start + present > next)
                {
                    yield return new HoleRange(next, start + present - 1);
                }

                bit = FirstClear(chunk, present);
                next = start + bit;
            }
        }
    }

    private ulong[] FindOrAdd(long index)
    {
        if (!_chunks.TryGetValue(index, out var chunk))
        {
            memory.Take(ChunkBytes);
            chunk = new ulong[ChunkWords];
            _chunks.Add(index, chunk);
        }

        return chunk;
    }

    /// <summary>The first set bit from <paramref name="from"/> on; -1 if there is none.</summary>
    private static int FirstSet(ulong[] chunk, int from)
    {
        var word = from >> 6;
        var bits = chunk[word] & (ulong.MaxValue << (from & 63));
        while (bits == 0)
        {
            if (++word == ChunkWords)
            {
                return -1;
            }

            bits = chunk[word];
        }

        return (word << 6) + BitOperations.TrailingZeroCount(bits);
    }

    /// <summary>The first clear bit from <paramref name="from"/> on; <see cref="ChunkBits"/> if there is none.</summary>
    private static int FirstClear(ulong[] chunk, int from)
    {
        var word = from >> 6;
        var bits = ~chunk[word] & (ulong.MaxValue << (from & 63));
        while (bits == 0)
        {
            if (++word == ChunkWords)
            {
                return ChunkBits;
            }

            bits = ~chunk[word];
        }

        return (word << 6) + BitOperations.TrailingZeroCount(bits);
    }
}
