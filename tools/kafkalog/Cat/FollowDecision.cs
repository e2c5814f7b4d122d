namespace KafkaLog.Tool.Cat;

/// <summary>What a follower does when it has read all that is there.</summary>
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
    /// <param name="isWriterAlive">Somebody holds the file open for writing.</param>
    /// <param name="locks">Its writer is known to lock what it writes to, so that one can tell when it is gone.</param>
    /// <param name="isSegment">It has a segment's name, so that others of its log may follow.</param>
    /// <param name="hasNext">The next segment of its log is there.</param>
    public static FollowStep Of(bool isWriterAlive, bool locks, bool isSegment, bool hasNext)
    {
        if (isWriterAlive)
        {
            return FollowStep.Wait;
        }

        if (hasNext)
        {
            return FollowStep.GoOn;
        }

        return locks && !isSegment ? FollowStep.End : FollowStep.Wait;
    }
}
