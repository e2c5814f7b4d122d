using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>
/// Every prefix and every single-byte change of a file of each kind: each magic with each codec written by us, and cuts
/// of what Kafka, librdkafka and go-kafkalog wrote.
/// <para>
/// What no reader can see: the offset of an entry of magic 0 or 1 is covered by no CRC, nor are offset and leader epoch of
/// a batch of magic 2. In our own files the sequence, which is covered, has the low 31 bits of the offset.
/// </para>
/// </summary>
[Trait("lane", "slow")]
public sealed class SegmentDamageTests
{
    /// <summary>Set to anything: each byte takes all 255 other values. Minutes.</summary>
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("KAFKALOG_ALL_VALUES") is not null;

    private const int LargeBytes = 3_000; // in a larger file each byte takes one flip only

    private static readonly byte[] Flips = IsLong ? [.. Enumerable.Range(1, 255).Select(i => (byte)i)] : [0x01, 0x80, 0xff];

    public static TheoryData<string> Files => [.. SampleFile.All.Select(file => file.Name)];

    /// <summary>Those of three batches at least.</summary>
    public static TheoryData<string> FilesOfThree => [.. SampleFile.All.Where(file => file.Ends.Count >= 3).Select(file => file.Name)];

    [Fact]
    public void Every_kind_of_sample_file_exists()
    {
        Assert.Equal(13, SampleFile.All.Count(file => file.Name.StartsWith("ours", StringComparison.Ordinal)));
        Assert.Equal(
            36,
            SampleFile.All.Where(file => !file.Name.StartsWith("ours", StringComparison.Ordinal)).Select(file => file.Name.Split(' ')[0])
                .Distinct().Count());
        Assert.Equal(
            ["0111", "1112"],
            SampleFile.All.Select(file => file.Name.Split(' ')).Where(
                name => name.Length == 2 && name[0].Contains("mixed", StringComparison.Ordinal)).Select(name => name[1]).Order(
                    StringComparer.Ordinal));
        Assert.All(SampleFile.All, file => Assert.InRange(file.Ends.Count, 2, 8));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_prefix_gives_the_whole_batches_and_one_torn_tail(string name)
    {
        var (file, sound) = Sound(name);
        using var folder = new TempFolder();
        var path = folder.File("sample");
        for (var length = 0; length <= file.Bytes.Length; length++)
        {
            File.WriteAllBytes(path, file.Bytes[..length]);
            var read = ReadBack.Of(path);
            var batches = file.Ends.Count(end => end <= length);
            Assert.Equal(sound.Take(batches).SelectMany(batch => batch.Records), read.Records);
            var start = file.StartOf(batches);
            Assert.Equal(start < length
                ? [(start, length, true)]
                : [], read.Damage.Select(d => ((int)d.Position, (int)d.EndPosition, d.IsTornTail)));
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void While_the_writer_lives_every_prefix_is_waited_for_and_nothing_is_damage(string name)
    {
        var (file, sound) = Sound(name);
        using var folder = new TempFolder();
        var path = folder.File("sample");
        for (var length = 0; length < file.Bytes.Length; length++)
        {
            File.WriteAllBytes(path, file.Bytes[..length]);
            using var reader = SegmentReader.Open(path);
            var read = new ReadBack();
            read.Continue(reader);
            Assert.Equal(file.StartOf(file.Ends.Count(end => end <= length)), reader.Position);
            using (var writer = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
            {
                writer.Write(file.Bytes.AsSpan(length));
            }

            read.Continue(reader);
            Assert.Empty(read.Damage);
            Assert.Equal(sound.SelectMany(batch => batch.Records), read.Records);
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_single_byte_change_costs_at_most_its_own_batch_and_changes_no_record(string name)
    {
        var (file, sound) = Sound(name);
        using var folder = new TempFolder();
        var path = folder.File("sample");
        File.WriteAllBytes(path, file.Bytes);
        using var patch = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        for (var position = 0; position < file.Bytes.Length; position++)
        {
            foreach (var flip in IsLong || file.Bytes.Length <= LargeBytes ? Flips : Flips.AsSpan(position % Flips.Length, 1))
            {
                RandomAccess.Write(patch, [(byte)(file.Bytes[position] ^ flip)], position);
                var read = ReadBack.Of(path);
                if (FaultOf(file, sound, read, position, flip) is { } fault)
                {
                    Assert.Fail(
                        $"{name}, position {position} ({position - file.StartOf(file.BatchOf(position))} of batch "
                            + $"{file.BatchOf(position)}), flip {flip:x2}: {fault}");
                }
            }

            RandomAccess.Write(patch, [file.Bytes[position]], position);
        }
    }

    /// <summary>
    /// Bad sectors and bad bits, several in one file: what they do not touch is read. In a file without our identity that is
    /// promised only of a batch that another sound one, or the end, follows, and where the file's last one is sound: bytes in
    /// a value may look like a batch, too, and a batch that claims more than there is may be one that was torn.
    /// And where both length and content of a wrapper are damaged, an uncompressed message inside it may be taken for a batch.
    /// </summary>
    [Theory]
    [MemberData(nameof(FilesOfThree))]
    public void Several_changes_at_once_cost_at_most_the_batches_that_they_touch(string name)
    {
        var (file, sound) = Sound(name);
        var random = new Random(20261121);
        using var folder = new TempFolder();
        var path = folder.File("sample");
        for (var trial = 0; trial < (IsLong ? 5_000 : 60); trial++)
        {
            var bytes = (byte[])file.Bytes.Clone();
            var touched = new SortedSet<int>();
            var what = "";
            for (var change = random.Next(2, 5); change > 0; change--)
            {
                var at = random.Next(bytes.Length);
                var count = random.Next(2) == 0 ? 1 : Math.Min(bytes.Length - at, random.Next(1, 40));
                random.NextBytes(bytes.AsSpan(at, count));
                touched.UnionWith(Enumerable.Range(at, count).Select(file.BatchOf));
                what += $" {at}+{count}";
            }

            File.WriteAllBytes(path, bytes);
            var read = ReadBack.Of(path);
            var isLastTouched = touched.Contains(sound.Count - 1);
            var isOurs = file.HasSegmentId && !touched.Contains(0);
            foreach (var (batch, seen) in sound.Index().Where(
                batch => !touched.Contains(batch.Index) && (isOurs || (!isLastTouched && !touched.Contains(batch.Index + 1)))))
            {
                Assert.True(
                    read.Batches.Exists(found => found.Start == seen.Start && found.End == seen.End),
                    $"{name}, trial {trial},{what}: batch {batch} is not read; {string.Join(", ", read.Damage)}");
            }

            if (isOurs)
            {
                Assert.All(read.Batches, found => Assert.Contains(sound, batch => batch.Start == found.Start && batch.End == found.End));
            }
        }
    }

    [Theory]
    [InlineData("ours 2 None")]
    [InlineData("ours 2 Zstd")]
    public void The_identity_of_our_file_is_read_from_a_damaged_first_batch(string name)
    {
        var file = SampleFile.Named(name);
        var bytes = (byte[])file.Bytes.Clone();
        bytes[9] ^= 0x55; // its length
        bytes[30] ^= 0x55; // and more
        bytes[file.StartOf(2) + 16] = 77; // what follows the second is no header
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("sample"), bytes);
        var read = ReadBack.Of(folder.File("sample"));
        Assert.Equal([(0, file.Ends[0]), (file.Ends[1], file.Ends[2])], read.Damage.Select(d => ((int)d.Position, (int)d.EndPosition)));
    }

    private static (SampleFile File, List<BatchSeen> Batches) Sound(string name)
    {
        var file = SampleFile.Named(name);
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("sample"), file.Bytes);
        var read = ReadBack.Of(folder.File("sample"));
        Assert.Empty(read.Damage);
        Assert.Equal(file.Ends.Select(end => (long)end), read.Batches.Select(batch => batch.End));
        Assert.NotEmpty(read.Records);
        return (file, read.Batches);
    }

    /// <summary>The part of the promise that does not hold; null if all of it holds.</summary>
    private static string? FaultOf(SampleFile file, List<BatchSeen> sound, ReadBack read, int position, byte flip)
    {
        var batch = file.BatchOf(position);
        if (read.Damage.Count == 0)
        {
            return IsCovered(file, batch, position, flip) ? "the change was not seen"
                : read.Batches.Count != sound.Count ? $"{read.Batches.Count} batches of {sound.Count}"
                : Differs(sound, read.Batches, batch) ? "records differ"
                : !sound[batch].Records.Select(WithoutOffset).SequenceEqual(read.Batches[batch].Records.Select(WithoutOffset))
                    ? "records of the changed batch differ"
                : IsOffsetTold(file, batch, position, flip) && !sound[batch].Records.SequenceEqual(read.Batches[batch].Records)
                    ? "the offsets of the changed batch differ"
                : null;
        }

        if (read.Damage.Count != 1)
        {
            return $"{read.Damage.Count} damages";
        }

        var damage = read.Damage[0];
        return damage.Position != file.StartOf(batch) || damage.EndPosition != file.Ends[batch]
            ? $"{damage} reported, the batch is at {file.StartOf(batch)} to {file.Ends[batch]}"
            : !sound.Where((_, i) => i != batch).SelectMany(b => b.Records).SequenceEqual(read.Records) ? "records of other batches differ"
            : null;
    }

    private static bool Differs(List<BatchSeen> sound, List<BatchSeen> read, int except) =>
        sound.Zip(read).Where((_, i) => i != except).Any(
            pair => pair.First.Start != pair.Second.Start || !pair.First.Records.SequenceEqual(pair.Second.Records));

    /// <summary>False where a change cannot be seen, or need not cost the batch: in the bytes before those that the CRC covers.</summary>
    private static bool IsCovered(SampleFile file, int batch, int position, byte flip)
    {
        var at = position - file.StartOf(batch);
        return at >= 8 && !(file.MagicOf(batch) == 2 && at is >= 12 and < 16) && flip != 0;
    }

    /// <summary>True where the sequence gives the offset that was changed.</summary>
    private static bool IsOffsetTold(SampleFile file, int batch, int position, byte flip)
    {
        var at = position - file.StartOf(batch);
        return at > 7 || (file.HasSegmentId && (at > 4 || (at == 4 && (flip & 0x7f) != 0)));
    }

    private static (long, string?, string?, string) WithoutOffset(Seen record) =>
        (record.Timestamp, record.Key, record.Value, record.Headers);
}
