using System.Globalization;
using System.Reflection;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace KafkaLog.Benchmarks;

/// <summary>How many bytes one operation of a benchmark works through.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BytesAttribute(long count) : Attribute
{
    public long Count { get; } = count;
}

/// <summary>Operations or, where their size is given, megabytes (10^6) a second, from the mean.</summary>
internal sealed class RateColumn : IColumn
{
    public string Id => nameof(RateColumn);

    public string ColumnName => "Rate";

    public string Legend => "Operations or megabytes (10^6 bytes) a second, from the mean";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        if (summary[benchmarkCase]?.ResultStatistics is not { } statistics)
        {
            return "-";
        }

        var perSecond = 1e9 / statistics.Mean;
        return benchmarkCase.Descriptor.WorkloadMethod.GetCustomAttribute<BytesAttribute>() is { } bytes
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes.Count * perSecond / 1e6:N0} MB/s")
            : string.Create(CultureInfo.InvariantCulture, $"{perSecond / 1e6:N2} M/s");
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}
