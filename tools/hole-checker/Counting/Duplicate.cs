namespace HoleChecker.Counting;

/// <summary>A message whose number had come before.</summary>
/// <param name="Run">Empty if the pattern has no such group.</param>
/// <param name="Producer">Empty if the pattern has no such group.</param>
/// <param name="Sequence">Its number.</param>
/// <param name="Partition">Where it is.</param>
/// <param name="Offset">Its offset in the partition.</param>
public readonly record struct Duplicate(string Run, string Producer, long Sequence, int Partition, long Offset);
