using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Tool.Native;

/// <summary>A pipe that becomes readable when something is cancelled, to end a wait in a system call.</summary>
internal sealed partial class WakePipe : IDisposable
{
    private const int CloseOnExec = 0x80000;

    private readonly SafeFileHandle _read;
    private readonly SafeFileHandle _write;
    private readonly CancellationTokenRegistration _registration;

    public WakePipe(CancellationToken cancellation)
    {
        Span<int> ends = stackalloc int[2];
        if (Pipe(ends, CloseOnExec) != 0)
        {
            throw new IOException($"cannot make a pipe: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
        }

        _read = new SafeFileHandle(ends[0], ownsHandle: true);
        _write = new SafeFileHandle(ends[1], ownsHandle: true);
        _registration = cancellation.Register(_write.Dispose); // closing this end makes the other one readable
    }

    /// <summary>The descriptor to wait for.</summary>
    public SafeHandle Handle => _read;

    public void Dispose()
    {
        _registration.Dispose();
        _write.Dispose();
        _read.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int Pipe(Span<int> ends, int flags);
}
