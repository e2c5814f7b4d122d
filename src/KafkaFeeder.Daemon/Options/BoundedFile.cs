using System.Runtime.InteropServices;
using System.Text;
using KafkaFeeder.Units;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Options;

/// <summary>
/// Reads a small text file that somebody else controls: never more than the limit, and never waiting for ever (a FIFO
/// called kafkafeeder.yaml would block an ordinary open).
/// </summary>
internal static partial class BoundedFile
{
    private const int OpenNonBlocking = 0x800;
    private const int OpenCloseOnExec = 0x80000;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="path">A symlink is followed.</param>
    /// <param name="maxBytes">Inclusive.</param>
    /// <param name="text">The content; "" after a fault.</param>
    /// <returns>Null, or the reason why not, without a full stop.</returns>
    public static string? ReadText(string path, int maxBytes, out string text)
    {
        text = "";
        int descriptor = Open(path, OpenNonBlocking | OpenCloseOnExec);
        if (descriptor < 0)
        {
            return "cannot be opened: " + Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
        }
        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        return ReadText(handle, path, maxBytes, out text);
    }

    /// <summary>As above, of a file that is open.</summary>
    public static string? ReadText(SafeFileHandle handle, string path, int maxBytes, out string text)
    {
        try
        {
            return ReadBytes(handle, maxBytes, out text);
        }
        catch (NotSupportedException)
        {
            text = "";
            return "is a pipe or a device; expected a regular file";
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            text = "";
            return Directory.Exists(path) ? "is a directory; expected a file" : "cannot be read: " + refused.Message;
        }
        catch (DecoderFallbackException)
        {
            text = "";
            return "is not UTF-8 text";
        }
    }

    private static string? ReadBytes(SafeFileHandle handle, int maxBytes, out string text)
    {
        text = "";
        if (RandomAccess.GetLength(handle) > maxBytes)
        {
            return TooLarge(maxBytes);
        }
        // One byte more than the limit, for a file that grows meanwhile or does not know its length.
        byte[] buffer = new byte[maxBytes + 1];
        int filled = 0;
        for (int read = -1; read != 0 && filled < buffer.Length; filled += read)
        {
            read = RandomAccess.Read(handle, buffer.AsSpan(filled), filled);
        }
        if (filled > maxBytes)
        {
            return TooLarge(maxBytes);
        }
        text = StrictUtf8.GetString(buffer.AsSpan(0, filled));
        return null;
    }

    private static string TooLarge(int maxBytes) => $"is larger than {SizeText.Format(maxBytes)}, which no such file needs";

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
