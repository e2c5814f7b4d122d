namespace KafkaLog.Wire.Security;

/// <summary>
/// The broker is not who it should be, or does not take who we say we are. It is the same at the next try, until somebody changes the
/// settings, or the broker.
/// </summary>
public sealed class AuthenticationException(string message, Exception? cause = null) : IOException(message, cause);
