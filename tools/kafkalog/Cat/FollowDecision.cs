using KafkaLog.Format.Segments;

namespace KafkaLog.Tool.Cat;

/// <summary>What a follower does when it has read everything that is there.</summary>
internal enum FollowStep
{
    /// <summary>More may come, here or in a next segment.</summary>
    Wait,

    /// <summary>Nothing more comes here; the next segment is there.</summary>
    GoOn,

    /// <summary>Nothing more comes.</summary>
    End,
}

/// <summary>Decides how to follow. Pure.</summary>
internal static class FollowDecision
{
    /// <param name="writer">What is known of the file's writer.</param>
    /// <param name="isFinal">Nothing more will be written to it.</param>
    /// <param name="isSegment">It has a segment's name, so that others of its log may follow.</param>
    /// <param name="hasNext">The next segment of its log is there.</param>
    public static FollowStep Of(WriterState writer, bool isFinal, bool isSegment, bool hasNext) =>
        !isFinal ? FollowStep.Wait
        : hasNext ? FollowStep.GoOn
        : writer == WriterState.Gone && !isSegment ? FollowStep.End
        : FollowStep.Wait; // for the next segment, or for a writer that takes no lock
}
