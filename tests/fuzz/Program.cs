using System.Globalization;
using KafkaLog.Fuzz;

// fuzz [--seconds N] [--seed S] [--findings DIR]: mutates sound segments and feeds them to reader, decoder and codecs,
// until the time is over. Exit code 1: something was found; it lies in DIR, to be replayed.
// fuzz --replay FILE...: runs each file once and says what became of it.
var seconds = 60;
var seed = Environment.TickCount;
var findings = Path.Combine("out", "fuzz");
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--seconds" when i + 1 < args.Length:
            seconds = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--seed" when i + 1 < args.Length:
            seed = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--findings" when i + 1 < args.Length:
            findings = args[++i];
            break;
        case "--replay" when i + 1 < args.Length:
            return Replay(args[(i + 1)..]);
        default:
            Console.Error.WriteLine("fuzz [--seconds N] [--seed S] [--findings DIR] | --replay FILE...");
            return 2;
    }
}

using var campaign = new Campaign(seed, findings);
return campaign.Run(TimeSpan.FromSeconds(seconds)) == 0 ? 0 : 1;

static int Replay(string[] files)
{
    var failed = 0;
    using var target = new Target();
    foreach (var file in files)
    {
        var input = FuzzInput.Load(file);
        try
        {
            var outcome = target.Run(input);
            Console.WriteLine($"{file}: {string.Join("; ", outcome)}");
        }
        catch (Exception e) // whatever it is, it is what is looked for
        {
            failed++;
            Console.WriteLine($"{file}: {e}");
        }
    }

    return failed == 0 ? 0 : 1;
}
