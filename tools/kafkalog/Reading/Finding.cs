using KafkaFeeder.CommandLine;

namespace KafkaLog.Tool.Reading;

/// <summary>Damage, and where it lies among the records.</summary>
/// <param name="Position">The first damaged byte.</param>
/// <param name="EndPosition">The byte after the last.</param>
/// <param name="IsTornTail">True if it is the start of a batch that its writer did not finish.</param>
/// <param name="Reason">What was expected and found.</param>
/// <param name="LastOffsetBefore">Null: no record before it.</param>
/// <param name="FirstOffsetBehind">Null: no record after it.</param>
internal sealed record Finding(
    long Position, long EndPosition, bool IsTornTail, string Reason, long? LastOffsetBefore, long? FirstOffsetBehind)
{
    public override string ToString() =>
        $"{(IsTornTail ? "torn tail" : "damage")} at bytes {Position}..{EndPosition - 1} ({Quantity.Bytes(EndPosition - Position)}): "
        + $"{Reason}; "
        + $"{(LastOffsetBefore is { } before ? $"last offset before it {before}" : "no record before it")}, "
        + $"{(FirstOffsetBehind is { } after ? $"first offset after it {after}" : "no record after it")}";
}
