using System.Globalization;
using System.Runtime.InteropServices;
using KafkaLog.Sink;
using OrderService;
using Serilog;
using Serilog.Core;
using Serilog.Debugging;

var time = TimeProvider.System;
SelfLog.Enable(line => Console.Error.WriteLine(line));
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return OrderServiceOptions.Command(time, Serve).Parse(args).Invoke();

// Ends in order: what was logged is written, and the last line says how much that was.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

int Serve(OrderServiceOptions options)
{
    KafkaLogSink sink;
    try
    {
        // An application that does not count writes: .WriteTo.KafkaLog(directory, component, keyProperty: "Customer")
        sink = new KafkaLogSink(new KafkaLogSinkOptions
        {
            Directory = options.Directory,
            Component = options.Component,
            Interval = options.Interval,
            KeyProperty = "Customer",
        });
    }
    catch (ArgumentException wrong)
    {
        Console.Error.WriteLine(wrong.Message);
        return 2;
    }

    var started = time.GetTimestamp();
    using (sink)
    {
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();
        using var progress = time.CreateTimer(
            _ => Print($"{sink.WrittenEvents:N0} of {options.Count:N0} orders logged"),
            null,
            TimeSpan.FromSeconds(1),
            TimeSpan.FromSeconds(1));
        Produce(options, logger, stop.Token);
    }

    var took = time.GetElapsedTime(started);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"run={options.Run}: {sink.WrittenEvents:N0} of {options.Count:N0} orders written to {options.Directory} by {options.Producers} "
            + $"producers in {took.TotalSeconds:F1} s ({sink.WrittenEvents / took.TotalSeconds:N0}/s), {sink.LostEvents:N0} lost"));
    return sink.WrittenEvents == options.Count && sink.LostEvents == 0 ? 0 : 1;
}

void Produce(OrderServiceOptions options, ILogger logger, CancellationToken cancel)
{
    var threads = new List<Thread>();
    for (var producer = 1; producer <= options.Producers; producer++)
    {
        var share = (options.Count / options.Producers) + (producer <= options.Count % options.Producers ? 1 : 0);
        var orders = new OrderProducer(logger, options.Run, producer, share, options.Rate / options.Producers, time);
        var thread = new Thread(() => orders.Run(cancel)) { Name = $"producer {producer}" };
        thread.Start();
        threads.Add(thread);
    }

    threads.ForEach(thread => thread.Join());
}

static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
