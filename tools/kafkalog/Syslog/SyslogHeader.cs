namespace KafkaLog.Tool.Syslog;

/// <summary>Where something is in a message; length 0: it is not there.</summary>
internal readonly record struct Part(int Start, int Length);

/// <summary>What the beginning of a syslog message, RFC 3164 or 5424, says about it. No I/O.</summary>
/// <param name="Priority">Facility * 8 + severity; null: the message has none.</param>
/// <param name="Host">Whose message it says it is.</param>
/// <param name="App">Which program's: APP-NAME, or the tag without the process id.</param>
internal readonly record struct SyslogHeader(int? Priority, Part Host, Part App)
{
    private const int MaxPriority = 191;
    private const int MaxHostBytes = 255;
    private const int MaxAppBytes = 128;

    private static readonly string[] Months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    /// <summary>The names of the facilities by number, as in syslog(3), rsyslog and logger.</summary>
    public static IReadOnlyList<string> Facilities { get; } =
    [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert",
        "clock",
        "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];

    /// <summary>The names of the severities by number.</summary>
    public static IReadOnlyList<string> Severities { get; } = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

    /// <summary>Reads what can be read. It never fails: a message without a priority is a message, too.</summary>
    public static SyslogHeader Parse(ReadOnlySpan<byte> message)
    {
        if (!TryReadPriority(message, out var priority, out var at))
        {
            return default;
        }

        var rest = new Words(message, at);
        return message[at..].StartsWith("1 "u8) && Parse5424(ref rest) is { } found
            ? found with { Priority = priority }
            : Parse3164(message, at) with { Priority = priority };
    }

    /// <summary>VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP; '-' is nil.</summary>
    private static SyslogHeader? Parse5424(ref Words words)
    {
        words.Next();
        var timestamp = words.Next();
        if (!words.IsNil(timestamp) && !IsIsoTime(words.TextOf(timestamp)))
        {
            return null;
        }

        var host = words.Next();
        var app = words.Next();
        return new SyslogHeader(
            null, words.IsNil(host) ? default : Limited(host, MaxHostBytes), words.IsNil(app) ? default : Limited(app, MaxAppBytes));
    }

    /// <summary><c>Mmm dd hh:mm:ss</c> or an ISO time, then the host, which local senders leave out, then the tag.</summary>
    private static SyslogHeader Parse3164(ReadOnlySpan<byte> message, int at)
    {
        var words = new Words(message, at);
        if (IsBsdTime(message[at..]))
        {
            words = new Words(message, at + 16);
        }
        else if (!IsIsoTime(words.TextOf(words.Next())))
        {
            return default;
        }

        var first = words.Next();
        if (AppOf(message, first) is { Length: > 0 } local)
        {
            return new SyslogHeader(null, default, local);
        }

        return new SyslogHeader(null, Limited(first, MaxHostBytes), AppOf(message, words.Next()));
    }

    /// <summary>The name in <c>name:</c> or <c>name[pid]:</c>.</summary>
    private static Part AppOf(ReadOnlySpan<byte> message, Part word)
    {
        var text = message.Slice(word.Start, word.Length);
        var length = text.IndexOf((byte)'[');
        if (length < 0)
        {
            length = text.EndsWith(":"u8) ? text.Length - 1 : 0;
        }

        return length is > 0 and <= MaxAppBytes ? new Part(word.Start, length) : default;
    }

    private static bool TryReadPriority(ReadOnlySpan<byte> message, out int priority, out int at)
    {
        priority = 0;
        at = 1;
        if (message.IsEmpty || message[0] != '<')
        {
            return false;
        }

        while (at < message.Length && at <= 3 && char.IsAsciiDigit((char)message[at]))
        {
            priority = (priority * 10) + (message[at++] - '0');
        }

        return at > 1 && at < message.Length && message[at++] == '>' && priority <= MaxPriority;
    }

    private static bool IsBsdTime(ReadOnlySpan<byte> text)
    {
        if (text.Length < 16 || text[15] != ' ' || text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':')
        {
            return false;
        }

        Span<char> month = [(char)text[0], (char)text[1], (char)text[2]];
        var isMonth = false;
        foreach (var name in Months)
        {
            isMonth |= month.SequenceEqual(name);
        }

        return isMonth && (text[4] == ' ' || IsDigit(text[4])) && IsDigit(text[5])
            && IsDigit(text[7]) && IsDigit(text[8]) && IsDigit(text[10]) && IsDigit(text[11]) && IsDigit(text[13]) && IsDigit(text[14]);
    }

    /// <summary>Begins as <c>2026-11-21T10:00:00</c>.</summary>
    private static bool IsIsoTime(ReadOnlySpan<byte> text) =>
        text.Length >= 19 && IsDigit(text[0]) && IsDigit(text[3]) && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':'
            && text[16] == ':' && IsDigit(text[18]);

    private static bool IsDigit(byte b) => char.IsAsciiDigit((char)b);

    private static Part Limited(Part part, int maxBytes) => part.Length <= maxBytes ? part : default;

    /// <summary>Words with one space between them.</summary>
    private ref struct Words(ReadOnlySpan<byte> text, int at)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _at = at;

        public Part Next()
        {
            var rest = _text[_at..];
            var length = rest.IndexOf((byte)' ');
            length = length < 0 ? rest.Length : length;
            var word = new Part(_at, length);
            _at = Math.Min(_text.Length, _at + length + 1);
            return word;
        }

        public readonly ReadOnlySpan<byte> TextOf(Part word) => _text.Slice(word.Start, word.Length);

        public readonly bool IsNil(Part word) => TextOf(word).SequenceEqual("-"u8);
    }
}
