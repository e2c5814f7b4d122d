using System.Globalization;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace KafkaFeeder.Daemon.Options.Yaml;

/// <summary>
/// Turns text into a <see cref="YamlNode"/> tree. It uses YamlDotNet's parser events only: the deserializer dies of
/// an uncatchable stack overflow on deep nesting. Anchors, aliases, tags and further documents are refused, so the
/// tree is never larger than the text.
/// </summary>
internal sealed class YamlReader
{
    /// <summary>Our files need 5; anything deeper is a mistake or an attack.</summary>
    public const int MaxDepth = 16;

    /// <summary>The parser's own messages are one sentence each.</summary>
    private const int MaxMessageShown = 200;

    private readonly Scanner _scanner;
    private readonly Parser _parser;
    private int _depth;

    private YamlReader(string text)
    {
        _scanner = new Scanner(new StringReader(text), skipComments: true);
        _parser = new Parser(_scanner);
    }

    /// <summary>The one document in <paramref name="text"/>, or null after a fault was added.</summary>
    public static YamlNode? Read(string text, FaultCollector faults)
    {
        text = text.StartsWith('\uFEFF') ? text[1..] : text;
        if (FindControlCharacter(text) is (int line, char found))
        {
            faults.Add(line, "", $"the file has the control character 0x{(int)found:x2}; is it damaged, or not a text file?");
            return null;
        }

        var reader = new YamlReader(text);
        try
        {
            var root = reader.ReadDocument();
            if (root is null)
            {
                faults.Add(0, "", "the file is empty.");
            }

            return root;
        }
        catch (RefusedYamlException refused)
        {
            faults.Add(refused.Line, "", refused.Message);
        }
        catch (YamlException broken)
        {
            // A tab or a missing quotation mark is noticed some lines below the line where it is.
            var noticedLine = Math.Max(broken.End.Line, reader._scanner.CurrentPosition.Line);
            var end = noticedLine > broken.Start.Line
                ? string.Create(CultureInfo.InvariantCulture, $" (noticed on line {noticedLine})")
                : "";
            faults.Add((int)broken.Start.Line, "", $"not valid YAML{end}: {Quote.Plain(broken.Message, MaxMessageShown)}");
        }
        catch (Exception unforeseen) when (unforeseen is ArgumentException or InvalidOperationException)
        {
            // The scanner passes an escape such as \UFFFFFFFF to the framework unchecked, and fails on a plain scalar that
            // continues with an alias on the next line. Found with random text.
            faults.Add((int)reader._scanner.CurrentPosition.Line, "", "not valid YAML: the parser cannot read this line.");
        }

        return null;
    }

    /// <summary>The scanner takes a NUL for the end of the file: the rest would be lost silently.</summary>
    private static (int Line, char Found)? FindControlCharacter(string text)
    {
        var line = 1;
        foreach (var c in text)
        {
            if (c == '\n')
            {
                line++;
            }
            else if (c < ' ' && c is not ('\t' or '\r'))
            {
                return (line, c);
            }
        }

        return null;
    }

    private YamlNode? ReadDocument()
    {
        Expect<StreamStart>();
        if (Next() is not DocumentStart)
        {
            return null;
        }

        var root = ReadNode(Next());
        Expect<DocumentEnd>();
        if (Next() is DocumentStart second)
        {
            throw new RefusedYamlException(second, "a second document begins here; expected one document per file.");
        }

        return root is YamlScalar { IsNull: true } ? null : root;
    }

    private YamlNode ReadNode(ParsingEvent start)
    {
        if (start is AnchorAlias)
        {
            throw new RefusedYamlException(start, "aliases (*name) are not supported; write the value out.");
        }

        if (start is NodeEvent { Anchor.IsEmpty: false })
        {
            throw new RefusedYamlException(start, "anchors (&name) are not supported; write the value out.");
        }

        if (start is NodeEvent { Tag.IsEmpty: false })
        {
            throw new RefusedYamlException(start, "tags (!name) are not supported; remove it.");
        }

        return start switch
        {
            Scalar scalar => new YamlScalar(LineOf(scalar), scalar.Value, scalar.Style == ScalarStyle.Plain),
            SequenceStart => ReadSequence(start),
            MappingStart => ReadMap(start),
            _ => throw new RefusedYamlException(start, "expected a value here."),
        };
    }

    private YamlSequence ReadSequence(ParsingEvent start)
    {
        Enter(start);
        var items = new List<YamlNode>();
        for (var next = Next(); next is not SequenceEnd; next = Next())
        {
            items.Add(ReadNode(next));
        }

        _depth--;
        return new YamlSequence(LineOf(start), items);
    }

    private YamlMap ReadMap(ParsingEvent start)
    {
        Enter(start);
        var entries = new List<YamlEntry>();
        for (var next = Next(); next is not MappingEnd; next = Next())
        {
            if (ReadNode(next) is not YamlScalar key)
            {
                throw new RefusedYamlException(next, "a key must be a single word, not a list or a map.");
            }

            entries.Add(new YamlEntry(key.Line, key.Value, ReadNode(Next())));
        }

        _depth--;
        return new YamlMap(LineOf(start), entries);
    }

    private void Enter(ParsingEvent start)
    {
        if (++_depth > MaxDepth)
        {
            throw new RefusedYamlException(start, $"nested deeper than {MaxDepth} levels.");
        }
    }

    private ParsingEvent Next() => _parser.MoveNext() && _parser.Current is { } current
        ? current
        : throw new YamlException("the text ends too early.");

    private void Expect<T>() where T : ParsingEvent
    {
        var found = Next();
        if (found is not T)
        {
            throw new RefusedYamlException(found, $"expected {typeof(T).Name}, found {found.GetType().Name}.");
        }
    }

    private static int LineOf(ParsingEvent found) => (int)found.Start.Line;

    /// <summary>Valid YAML that is not supported. It is never thrown out of this file.</summary>
    private sealed class RefusedYamlException(ParsingEvent found, string message) : Exception(message)
    {
        public int Line { get; } = LineOf(found);
    }
}
