using System.Runtime.InteropServices;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>
/// Until it is disposed of, this thread has the rights of an ordinary user on files though the tests run as root: it drops
/// CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (capabilities(7)).
/// </summary>
internal sealed partial class CommonRights : IDisposable
{
    private const string SetPrivileges = "/usr/bin/setpriv";
    private const uint Version3 = 0x2008_0522;
    private const uint Overrides = (1 << 1) | (1 << 2);

    private readonly Capabilities _before;

    public CommonRights()
    {
        var header = new Header { Version = Version3 };
        Assert.Equal(0, Get(ref header, ref _before));
        Set(_before with { Effective = _before.Effective & ~Overrides });
    }

    /// <summary>The mode of a directory that every user may enter.</summary>
    public static UnixFileMode PassThrough =>
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public void Dispose() => Set(_before);

    /// <summary>Runs a program to its end as a user who owns none of the files of the test.</summary>
    public static (int ExitCode, string Output, string Errors) RunAsNobody(string program, params IEnumerable<string> arguments)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && File.Exists(SetPrivileges), "only root can run something as another user");
        return RunningProgram.Run(SetPrivileges, ["--reuid", "65534", "--regid", "65534", "--clear-groups", program, .. arguments]);
    }

    private static void Set(Capabilities capabilities)
    {
        var header = new Header { Version = Version3 };
        Assert.Equal(0, Set(ref header, ref capabilities));
    }

    [LibraryImport("libc", EntryPoint = "capget", SetLastError = true)]
    private static partial int Get(ref Header header, ref Capabilities capabilities);

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    private static partial int Set(ref Header header, ref Capabilities capabilities);

    private record struct Header
    {
        public uint Version;
        public int Process; // 0: this thread
    }

    private record struct Capabilities
    {
        public uint Effective;
        public uint Permitted;
        public uint Inheritable;
        public uint EffectiveHigh;
        public uint PermittedHigh;
        public uint InheritableHigh;
    }
}
