using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests;

/// <summary>The folders of the library are layers: each needs only those that are listed.</summary>
public sealed class LayerTests
{
    private const string Layers = """
        Segments    -> . Records Compression Checksums Native
        Records     -> . Compression Checksums
        Compression -> . Checksums
        Checksums   -> Native
        """;

    [Fact]
    public void The_folders_of_the_library_use_only_the_allowed_folders() =>
        NamespaceArrows.AssertAre(typeof(LogWriter), "KafkaLog.Format", Layers);
}
