using KafkaLog.Format.Checksums;
using Xunit;

namespace KafkaLog.Format.Tests.Checksums;

public sealed class ChecksumTests
{
    [Fact]
    public void Crc32C_of_the_check_string_is_the_published_one() => Assert.Equal(0xe3069283u, Crc32C.Compute("123456789"u8));

    [Fact]
    public void Crc32_of_the_check_string_is_the_published_one() => Assert.Equal(0xcbf43926u, Crc32.Compute("123456789"u8));

    // RFC 3720 B.4: 32 bytes of zeros, of ones, ascending, descending.
    [Fact]
    public void Crc32C_agrees_with_the_examples_of_RFC_3720()
    {
        byte[] ascending = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        Assert.Equal(0x8a9136aau, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62a8ab43u, Crc32C.Compute(Enumerable.Repeat((byte)0xff, 32).ToArray()));
        Assert.Equal(0x46dd794eu, Crc32C.Compute(ascending));
        Assert.Equal(0x113fdb5cu, Crc32C.Compute(ascending.Reverse().ToArray()));
    }
}
