namespace KafkaLog.Tool.Reading;

/// <summary>Damage, and where it lies among the records.</summary>
/// <param name="Position">The first damaged byte.</param>
/// <param name="EndPosition">The byte behind the last.</param>
/// <param name="IsTornTail">True if it is the start of a batch that its writer did not finish.</param>
/// <param name="Reason">What was expected and found.</param>
/// <param name="LastOffsetBefore">Null: no record before it.</param>
/// <param name="FirstOffsetBehind">Null: no record behind it.</param>
internal sealed record Finding(
    long Position, long EndPosition, bool IsTornTail, string Reason, long? LastOffsetBefore, long? FirstOffsetBehind)
{
    public override string ToString() =>
        $"{(IsTornTail ? "torn tail" : "damage")} at bytes {Position}..{EndPosition - 1} ({EndPosition - Position} bytes): {Reason}; "
        + $"{(LastOffsetBefore is { } before ? $"last offset before it {before}" : "no record before it")}, "
        + $"{(FirstOffsetBehind is { } behind ? $"first offset behind it {behind}" : "no record behind it")}";
}
