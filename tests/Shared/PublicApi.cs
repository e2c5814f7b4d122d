using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Xunit;

namespace KafkaFeeder.Tests;

/// <summary>The public surface of an assembly as text, to be compared with a file that people review.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>Fails with the lines that differ. Writes the current surface beside the test program, to be copied from there.</summary>
    public static void AssertIs(Assembly assembly, string approvedPath)
    {
        var now = Of(assembly);
        var approved = File.Exists(approvedPath) ? File.ReadAllLines(approvedPath) : [];
        var received = Path.Combine(AppContext.BaseDirectory, Path.GetFileName(approvedPath));
        File.WriteAllLines(received, now);
        var gone = approved.Except(now).Select(line => "- " + line);
        var come = now.Except(approved).Select(line => "+ " + line);
        Assert.True(
            now.SequenceEqual(approved),
            $"The public API of {assembly.GetName().Name} is not what {approvedPath} says. If that is meant, copy {received} "
                + $"there.\n{string.Join('\n', gone.Concat(come))}");
    }

    private static List<string> Of(Assembly assembly)
    {
        var lines = new List<string>();
        foreach (var type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            lines.Add($"{Kind(type)} {Name(type)}{Bases(type)}");
            lines.AddRange(type.GetMembers(Declared).Where(IsPublic).Select(member => "    " + Text(member)).Order(StringComparer.Ordinal));
        }

        return lines;
    }

    // Members that the compiler adds to every record are left out.
    private static bool IsPublic(MemberInfo member) => !member.IsDefined(typeof(CompilerGeneratedAttribute)) && member switch
    {
        MethodInfo method =>
            IsVisible(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal))
                && !method.Name.Contains('<', StringComparison.Ordinal),
        ConstructorInfo constructor => IsVisible(constructor),
        PropertyInfo property => property.GetAccessors(nonPublic: true).Any(IsVisible),
        EventInfo e => IsVisible(e.AddMethod!),
        FieldInfo field => field.IsPublic && !field.IsSpecialName,
        _ => false,
    };

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Text(MemberInfo member) => member switch
    {
        MethodInfo method => $"{Static(method)}{Name(method.ReturnType)} {method.Name}({Parameters(method)})",
        ConstructorInfo constructor => $"new({Parameters(constructor)})",
        PropertyInfo property =>
            $"{Static(property.GetAccessors(nonPublic: true)[0])}{Name(property.PropertyType)} {property.Name} {{ "
                + $"{(IsVisibleOrNull(property.GetMethod) ? "get; " : "")}{Setter(property)}}}",
        FieldInfo field =>
            $"{(field.IsLiteral ? "const " : field.IsStatic ? "static " : "")}{Name(field.FieldType)} "
                + $"{field.Name}{(field.IsLiteral ? " = " + Literal(field.GetRawConstantValue()) : "")}",
        _ => member.ToString()!,
    };

    private static bool IsVisibleOrNull(MethodInfo? method) => method is not null && IsVisible(method);

    private static string Setter(PropertyInfo property) =>
        !IsVisibleOrNull(property.SetMethod) ? ""
        : property.SetMethod!.ReturnParameter.GetRequiredCustomModifiers().Any(m => m.Name == "IsExternalInit") ? "init; " : "set; ";

    private static string Static(MethodBase method) => method.IsStatic ? "static " : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(p =>
        $"{(p.IsOut ? "out " : p.IsIn ? "in " : p.ParameterType.IsByRef ? "ref " : "")}{Name(p.ParameterType)} "
            + $"{p.Name}{(p.HasDefaultValue ? " = " + Literal(p.RawDefaultValue) : "")}"));

    private static string Literal(object? value) => value switch
    {
        null => "default",
        string text => $"\"{text}\"",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Kind(Type type) => type switch
    {
        { IsEnum: true } => "enum",
        { IsInterface: true } => "interface",
        { IsValueType: true } => "struct",
        { IsAbstract: true, IsSealed: true } => "static class",
        { IsSealed: true } => "sealed class",
        _ => "class",
    };

    private static string Bases(Type type)
    {
        var bases = type.GetInterfaces().Where(
            i => i.IsPublic && !i.Name.StartsWith("IEquatable", StringComparison.Ordinal) && i.Name != "ISerializable").ToList();
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum))
        {
            bases.Insert(0, parent);
        }

        return type.IsEnum || bases.Count == 0 ? "" : " : " + string.Join(", ", bases.Select(Name));
    }

    private static string Name(Type type)
    {
        if (type.IsByRef)
        {
            return Name(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return Name(type.GetElementType()!) + "[]";
        }

        if (!type.IsGenericType)
        {
            return type.Namespace is "System" ? type.Name : type.FullName ?? type.Name;
        }

        var text = new StringBuilder(type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]);
        return text.Append('<').AppendJoin(", ", type.GetGenericArguments().Select(Name)).Append('>').ToString();
    }
}
