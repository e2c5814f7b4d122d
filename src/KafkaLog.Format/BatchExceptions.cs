namespace KafkaLog.Format;

/// <summary>The bytes of a batch are not what its header says. Trying again does not help.</summary>
public sealed class CorruptBatchException : Exception
{
    /// <summary>An error that says what is wrong and where.</summary>
    public CorruptBatchException(string message)
        : base(message)
    {
    }

    /// <summary>The same, with its cause.</summary>
    public CorruptBatchException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

/// <summary>The batch is sound, but of a kind that this version does not read. It is not damage: never skip it.</summary>
public sealed class UnsupportedBatchException : Exception
{
    /// <summary>An error that names the kind.</summary>
    public UnsupportedBatchException(string message)
        : base(message)
    {
    }

    /// <summary>The same, with its cause.</summary>
    public UnsupportedBatchException(string message, Exception cause)
        : base(message, cause)
    {
    }
}
