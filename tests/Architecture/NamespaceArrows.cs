using Mono.Cecil;
using Xunit;

namespace KafkaFeeder.Tests;

/// <summary>
/// Which namespaces of an assembly use which others, by its compiled code: signatures, fields, locals and calls. What
/// the compiler puts in as a number (constants, values of enums) is not seen.
/// </summary>
internal static class NamespaceArrows
{
    /// <summary>
    /// Fails unless the namespaces use each other exactly as a table says, and never in a circle.
    /// </summary>
    /// <param name="assembly">A type of the assembly to look at.</param>
    /// <param name="root">The root namespace: names in the table are relative to it. It is itself <c>.</c>.</param>
    /// <param name="table">
    /// A line for each namespace: its name, <c>-></c>, and those that it uses. A line without <c>-></c> continues the one before.
    /// </param>
    public static void AssertAre(Type assembly, string root, string table)
    {
        var allowed = Parse(table);
        var found = Of(assembly.Assembly.Location, root);
        var news = found.Where(a => !allowed.GetValueOrDefault(a.From, []).Contains(a.To)).ToList();
        Assert.True(
            news.Count == 0,
            "These are not in the table of layers:\n"
            + string.Join('\n', news.Select(a => $"{a.From} -> {a.To}, for example {a.Example}")));
        var unused = allowed
            .SelectMany(a => a.Value.Select(to => (From: a.Key, To: to)))
            .Except(found.Select(a => (a.From, a.To)))
            .ToList();
        Assert.True(unused.Count == 0, "Nothing needs these any more:\n" + string.Join('\n', unused.Select(a => $"{a.From} -> {a.To}")));
        Assert.Null(Circle(allowed));
    }

    /// <summary>A circle in a table, as <c>A -> B -> A</c>; null if there is none.</summary>
    public static string? Circle(IReadOnlyDictionary<string, string[]> table)
    {
        var done = new HashSet<string>(StringComparer.Ordinal);
        return table.Keys.Select(k => Walk([k])).FirstOrDefault(c => c is not null);

        string? Walk(string[] path)
        {
            foreach (var next in table.GetValueOrDefault(path[^1], []).Where(n => !done.Contains(n)))
            {
                if (path.Contains(next))
                {
                    return string.Join(" -> ", [.. path[Array.IndexOf(path, next)..], next]);
                }

                if (Walk([.. path, next]) is { } circle)
                {
                    return circle;
                }
            }

            done.Add(path[^1]);
            return null;
        }
    }

    public static Dictionary<string, string[]> Parse(string table) => table
        .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Aggregate(
            new List<string>(),
            (whole, line) => line.Contains("->", StringComparison.Ordinal) ? [.. whole, line] : [.. whole[..^1], $"{whole[^1]} {line}"])
        .Select(line => line.Split("->", StringSplitOptions.TrimEntries))
        .ToDictionary(l => l[0], l => l[1].Split(' ', StringSplitOptions.RemoveEmptyEntries), StringComparer.Ordinal);

    private static List<(string From, string To, string Example)> Of(string path, string root)
    {
        using var module = ModuleDefinition.ReadModule(path);
        return
        [
            .. module.GetTypes()
                .SelectMany(type => Needed(type)
                    .Select(to => (From: Layer(type, root), To: to, Example: $"{type.FullName} needs {to.FullName}")))
                .Where(a => a.From is not null && a.To.Scope == module && Layer(a.To, root) is { } to && to != a.From)
                .Select(a => (From: a.From!, To: Layer(a.To, root)!, a.Example))
                .DistinctBy(a => (a.From, a.To)),
        ];
    }

    /// <summary>The namespace below the root. Null for types elsewhere (made by the compiler, or from sources of other projects).</summary>
    private static string? Layer(TypeReference type, string root)
    {
        while (type.DeclaringType is { } outer)
        {
            type = outer;
        }

        return type.Namespace == root ? "."
            : type.Namespace.StartsWith(root + ".", StringComparison.Ordinal) ? type.Namespace[(root.Length + 1)..]
            : null;
    }

    private static IEnumerable<TypeReference> Needed(TypeDefinition type) =>
        Direct(type).Where(t => t is not null).SelectMany(t => Flat(t!)).DistinctBy(t => t.FullName);

    private static IEnumerable<TypeReference?> Direct(TypeDefinition type) =>
    [
        type.BaseType,
        .. type.Interfaces.Select(i => i.InterfaceType),
        .. type.GenericParameters.SelectMany(p => p.Constraints).Select(c => c.ConstraintType),
        .. type.CustomAttributes.Select(a => a.AttributeType),
        .. type.Fields.Select(f => f.FieldType),
        .. type.Methods.SelectMany(Direct),
    ];

    private static IEnumerable<TypeReference?> Direct(MethodDefinition method) =>
    [
        .. OfReference(method),
        .. method.GenericParameters.SelectMany(p => p.Constraints).Select(c => c.ConstraintType),
        .. !method.HasBody ? (IEnumerable<TypeReference?>)[] :
        [
            .. method.Body.Variables.Select(v => v.VariableType),
            .. method.Body.ExceptionHandlers.Select(h => h.CatchType),
            .. method.Body.Instructions.SelectMany(i => i.Operand switch
            {
                TypeReference t => [t],
                FieldReference f => [f.DeclaringType, f.FieldType],
                MethodReference m => OfReference(m),
                _ => (IEnumerable<TypeReference?>)[],
            }),
        ],
    ];

    private static IEnumerable<TypeReference?> OfReference(MethodReference method) =>
    [
        method.DeclaringType,
        method.ReturnType,
        .. method.Parameters.Select(p => p.ParameterType),
        .. method is GenericInstanceMethod generic ? generic.GenericArguments : [],
    ];

    /// <summary>The type inside an array, reference or pointer, and its type arguments.</summary>
    private static IEnumerable<TypeReference> Flat(TypeReference type) => type switch
    {
        GenericInstanceType generic => [generic.ElementType, .. generic.GenericArguments.SelectMany(Flat)],
        TypeSpecification around => Flat(around.ElementType),
        GenericParameter => [],
        _ => [type],
    };
}
