namespace KafkaLog.Tool.CommandLine;

/// <summary>What the user asked for cannot be done. The message says what, where, what was found, and what to do.</summary>
internal sealed class UserErrorException(string message) : Exception(message);
