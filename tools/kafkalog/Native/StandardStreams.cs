using System.ComponentModel;
using System.Runtime.InteropServices;

namespace KafkaLog.Tool.Native;

/// <summary>Nobody reads standard output any more (EPIPE).</summary>
internal sealed class OutputClosedException : IOException
{
    public OutputClosedException()
        : base("standard output is closed")
    {
    }
}

/// <summary>
/// Standard input and output by system calls. The framework's streams hide that a reader is gone (EPIPE counts as
/// written), keep a file position of their own that the next program of a shell does not see, and cannot be woken from a wait.
/// </summary>
internal static partial class StandardStreams
{
    public const int Input = 0;
    public const int Output = 1;

    private const short PollIn = 1;
    private const short PollOut = 4;
    private const short PollError = 8;

    private const int Interrupted = 4;
    private const int TryAgain = 11;
    private const int BrokenPipe = 32;

    private const nuint BytesThere = 0x541B; // FIONREAD, the same on every architecture that .NET runs on

    /// <summary>Writes everything.</summary>
    /// <exception cref="OutputClosedException">Nobody reads it any more.</exception>
    /// <exception cref="IOException">The read or write failed.</exception>
    public static void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var written = Write(Output, bytes, (nuint)bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted:
                    break;
                case TryAgain:
                    Wait([new() { Descriptor = Output, Events = PollOut }], Timeout.Infinite);
                    break;
                case BrokenPipe:
                    throw new OutputClosedException();
                case var errno:
                    throw new IOException($"cannot write to standard output: {new Win32Exception(errno).Message} (errno {errno})");
            }
        }
    }

    /// <summary>True once nobody reads standard output any more. Only for pipes and sockets this is known without writing.</summary>
    public static bool IsOutputClosed()
    {
        Span<PollDescriptor> output = [new() { Descriptor = Output }];
        Wait(output, 0);
        return (output[0].Found & PollError) != 0;
    }

    /// <summary>True if standard output is a terminal.</summary>
    public static bool IsOutputTerminal() => IsTerminal(Output) == 1;

    /// <summary>Reads what is there, waiting until there is something; 0 at the end.</summary>
    /// <exception cref="IOException">The read or write failed.</exception>
    public static int Read(Span<byte> to)
    {
        while (true)
        {
            var read = Read(Input, to, (nuint)to.Length);
            if (read >= 0)
            {
                return (int)read;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted:
                    break;
                case TryAgain:
                    Wait([new() { Descriptor = Input, Events = PollIn }], Timeout.Infinite);
                    break;
                case var errno:
                    throw new IOException($"cannot read standard input: {new Win32Exception(errno).Message} (errno {errno})");
            }
        }
    }

    /// <summary>Waits until standard input has something (or its end), or <paramref name="wake"/> has; true if the input has.</summary>
    /// <param name="wake">A descriptor that becomes readable to end the waiting.</param>
    public static bool WaitForInput(SafeHandle wake)
    {
        Span<PollDescriptor> both =
            [new() { Descriptor = Input, Events = PollIn }, new() { Descriptor = (int)wake.DangerousGetHandle(), Events = PollIn }];
        Wait(both, Timeout.Infinite);
        return both[1].Found == 0;
    }

    /// <summary>How many bytes can be read from standard input now; 0 if that is not known.</summary>
    public static int InputBytesThere() => BytesThereIn(Input, BytesThere, out var bytes) == 0 ? Math.Max(0, bytes) : 0;

    private static void Wait(Span<PollDescriptor> descriptors, int milliseconds)
    {
        while (Poll(descriptors, (nuint)descriptors.Length, milliseconds) < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if (errno != Interrupted)
            {
                throw new IOException($"cannot wait for standard input or output: {new Win32Exception(errno).Message} (errno {errno})");
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "isatty", SetLastError = true)]
    private static partial int IsTerminal(int descriptor);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, Span<byte> buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(Span<PollDescriptor> descriptors, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int BytesThereIn(int descriptor, nuint request, out int bytes);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Found;
    }
}
