using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using KafkaFeeder.Units;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Options;

/// <summary>
/// Reads a small text file that somebody else controls: never more than the limit, and without blocking (a FIFO called
/// kafkafeeder.yaml would block an ordinary open).
/// </summary>
internal static partial class BoundedFile
{
    private const int OpenNonBlocking = 0x800;
    private const int OpenCloseOnExec = 0x80000;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="path">A symlink is followed.</param>
    /// <param name="maxBytes">Inclusive.</param>
    /// <param name="text">The content; "" after a fault.</param>
    /// <param name="fault">Why it cannot be read, without a full stop.</param>
    public static bool TryReadText(string path, int maxBytes, out string text, [NotNullWhen(false)] out string? fault)
    {
        text = "";
        var descriptor = Open(path, OpenNonBlocking | OpenCloseOnExec);
        if (descriptor < 0)
        {
            fault = "cannot be opened: " + Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
            return false;
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        return TryReadText(handle, path, maxBytes, out text, out fault);
    }

    /// <summary>The same for an open file.</summary>
    public static bool TryReadText(
        SafeFileHandle handle, string path, int maxBytes, out string text, [NotNullWhen(false)] out string? fault)
    {
        try
        {
            return TryReadText(handle, maxBytes, out text, out fault);
        }
        catch (NotSupportedException)
        {
            fault = "is a pipe or a device; expected a regular file";
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            fault = Directory.Exists(path) ? "is a directory; expected a file" : "cannot be read: " + refused.Message;
        }
        catch (DecoderFallbackException)
        {
            fault = "is not UTF-8 text";
        }

        text = "";
        return false;
    }

    private static bool TryReadText(SafeFileHandle handle, int maxBytes, out string text, [NotNullWhen(false)] out string? fault)
    {
        (text, fault) = ("", TooLarge(maxBytes));
        if (RandomAccess.GetLength(handle) > maxBytes)
        {
            return false;
        }

        // Room for one byte more than the limit: the file may grow meanwhile, or not report its length.
        var buffer = new byte[maxBytes + 1];
        var filled = 0;
        for (var read = -1; read != 0 && filled < buffer.Length; filled += read)
        {
            read = RandomAccess.Read(handle, buffer.AsSpan(filled), filled);
        }

        if (filled > maxBytes)
        {
            return false;
        }

        (text, fault) = (StrictUtf8.GetString(buffer.AsSpan(0, filled)), null);
        return true;
    }

    private static string TooLarge(int maxBytes) => $"is larger than {SizeText.Format(maxBytes)}, which no such file needs";

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
