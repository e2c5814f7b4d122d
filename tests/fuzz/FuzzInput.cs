using System.Globalization;
using KafkaLog.Format.Compression;

namespace KafkaLog.Fuzz;

/// <summary>What is fed: a segment's bytes, or, with a codec, a compressed block.</summary>
internal sealed record FuzzInput(byte[] Bytes, CompressionType Codec = CompressionType.None, byte Magic = 2)
{
    public bool IsBlock => Codec != CompressionType.None;

    /// <summary>Saves it under a name that tells what it is.</summary>
    public string Save(string directory, string name)
    {
        Directory.CreateDirectory(directory);
        var path =
            Path.Combine(directory, name + (IsBlock ? string.Create(CultureInfo.InvariantCulture, $".{Codec}.{Magic}.block") : ".szn"));
        File.WriteAllBytes(path, Bytes);
        return path;
    }

    public static FuzzInput Load(string path)
    {
        var parts = Path.GetFileName(path).Split('.');
        return parts[^1] == "block"
            ? new FuzzInput(
                File.ReadAllBytes(path), Enum.Parse<CompressionType>(parts[^3]), byte.Parse(parts[^2], CultureInfo.InvariantCulture))
            : new FuzzInput(File.ReadAllBytes(path));
    }
}
