using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Wire.Protocol;
using Xunit;

namespace KafkaLog.Wire.Tests.Protocol;

/// <summary>Primitive types of the protocol: what is written is read again, and no hostile bytes do more than an error.</summary>
public sealed class PrimitiveTests
{
    [Fact]
    public void What_is_written_is_read_again() => Prop.ForAll<int, long, string?>((number, large, text) =>
    {
        var string1 = text is { Length: > 1000 } ? text[..1000] : text;
        using var writer = new WireWriter();
        writer.WriteByte((byte)number);
        writer.WriteBoolean(number > 0);
        writer.WriteInt16((short)number);
        writer.WriteInt32(number);
        writer.WriteInt64(large);
        writer.WriteUuid(new Guid(number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
        writer.WriteVarUInt((uint)number);
        writer.WriteString(string1);
        writer.WriteCompactString(string1 ?? "");
        writer.WriteBytes([1, 2, 3]);
        writer.WriteNoTaggedFields();

        var reader = new WireReader(writer.Written.Span);
        var utf8 = string1 is null ? null : System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(string1));
        Assert.Equal((byte)number, reader.ReadByte());
        Assert.Equal(number > 0, reader.ReadBoolean());
        Assert.Equal((short)number, reader.ReadInt16());
        Assert.Equal(number, reader.ReadInt32());
        Assert.Equal(large, reader.ReadInt64());
        Assert.Equal(new Guid(number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), reader.ReadUuid());
        Assert.Equal((uint)number, reader.ReadVarUInt());
        Assert.Equal(utf8, reader.ReadNullableString());
        Assert.Equal(utf8 ?? "", reader.ReadCompactString());
        Assert.Equal([1, 2, 3], reader.ReadBytes().ToArray());
        reader.SkipTaggedFields();
        reader.ThrowIfNotAtEnd();
    }).QuickCheckThrowOnFailure();

    /// <summary>The bytes of Kafka's own documentation and of KIP-482.</summary>
    [Fact]
    public void Numbers_and_strings_have_the_bytes_of_the_protocol()
    {
        using var writer = new WireWriter();
        writer.WriteInt16(-2);
        writer.WriteInt32(0x01020304);
        writer.WriteString("ab");
        writer.WriteString(null);
        writer.WriteCompactString("ab");
        writer.WriteVarUInt(300);
        writer.WriteCompactArrayLength(0);
        writer.WriteUuid(new Guid("00112233-4455-6677-8899-aabbccddeeff"));
        Assert.Equal(
            "FFFE" + "01020304" + "00026162" + "FFFF" + "036162" + "AC02" + "01" + "00112233445566778899AABBCCDDEEFF",
            Convert.ToHexString(writer.Written.Span));
    }

    [Fact]
    public void A_number_that_was_written_can_be_replaced()
    {
        using var writer = new WireWriter();
        writer.WriteInt32(0);
        writer.Write(new byte[1000]); // grows
        writer.SetInt32(0, 1004);
        Assert.Equal(1004, new WireReader(writer.Written.Span).ReadInt32());
    }

    [Theory]
    [InlineData("7FFFFFFF")] // more items than any response could hold
    [InlineData("FFFFFFFE")] // fewer than none
    [InlineData("00000002" + "00000001")] // one of two
    public void An_array_that_cannot_be_there_is_refused_before_anything_is_allocated(string hex) =>
        Refused(hex, (ref WireReader r) => r.ReadArrayLength(4));

    [Theory]
    [InlineData("FFFFFFFF0F")]
    [InlineData("03" + "00000001")]
    public void A_compact_array_that_cannot_be_there_is_refused(string hex) =>
        Refused(hex, (ref WireReader r) => r.ReadCompactArrayLength(4));

    [Fact]
    public void Lengths_that_lead_past_the_end_are_refused()
    {
        Refused("7FFF61", (ref WireReader r) => r.ReadString());
        Refused("FFFE", (ref WireReader r) => r.ReadNullableString());
        Refused("FFFF", (ref WireReader r) => r.ReadString());
        Refused("00", (ref WireReader r) => r.ReadCompactString());
        Refused("FFFFFFFF0F61", (ref WireReader r) => r.ReadCompactString());
        Refused("7FFFFFFF61", (ref WireReader r) => r.ReadBytes());
        Refused("FFFFFFFE", (ref WireReader r) => r.ReadBytes());
        Refused("FFFFFFFFFF01", (ref WireReader r) => r.ReadVarUInt());
        Refused("808080808001", (ref WireReader r) => r.ReadVarUInt());
        Refused("01", (ref WireReader r) => r.ReadInt16());
        Refused("0105FF", (ref WireReader r) => r.SkipTaggedFields());
        Refused("00", (ref WireReader r) => r.ThrowIfNotAtEnd());
    }

    [Fact]
    public void An_error_says_what_is_wrong_and_where()
    {
        var error = Assert.Throws<ProtocolException>(() =>
        {
            var reader = new WireReader(Convert.FromHexString("0001" + "0005" + "61"));
            reader.ReadInt16();
            reader.ReadString();
        });
        Assert.Equal("malformed response: 5 bytes are needed and 1 are left, at byte 4 of 5", error.Message);
    }

    [Fact]
    public void A_string_that_is_too_long_for_the_protocol_is_refused()
    {
        using var writer = new WireWriter();
        Assert.Throws<ArgumentException>(() => writer.WriteString(new string('x', short.MaxValue + 1)));
        Assert.Throws<ArgumentException>(() => writer.WriteCompactString(new string('x', short.MaxValue + 1)));
    }

    private delegate void ReaderAction(ref WireReader reader);

    private static void Refused(string hex, ReaderAction read) => Assert.Throws<ProtocolException>(() =>
    {
        var reader = new WireReader(Convert.FromHexString(hex));
        read(ref reader);
    });
}
