using System.Globalization;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>
/// The status for a browser: one table, no scripts, nothing from other servers. Everything that is not markup here
/// is encoded by <see cref="EncodedHtml"/>. Pure.
/// </summary>
internal static class StatusPage
{
    /// <summary>A page that a browser can still show; all are in /status.json.</summary>
    public const int MaxLogs = 500;

    private const int MaxFaults = 50;

    public const string Style =
        """
        :root { color-scheme: light dark; --line: #c8c8c8; --quiet: #595959;
          --bad: #b00020; --on-bad: #fff; --good: #1b6e2e; --warn: #7a4b00; }
        @media (prefers-color-scheme: dark) { :root { --line: #4a4a4a; --quiet: #b0b0b0;
          --bad: #ff8a80; --on-bad: #000; --good: #8fd19e; --warn: #ffcc80; } }
        body { font: 16px/1.45 system-ui, sans-serif; margin: 1.5rem; }
        h1 { font-size: 1.4rem; margin: 0; }
        a:focus-visible, [tabindex]:focus-visible { outline: 3px solid; outline-offset: 2px; }
        .summary { font-size: 1.1rem; margin: .3rem 0 1rem; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        caption { text-align: left; font-weight: 600; padding: .3rem 0; }
        th, td { border-bottom: 1px solid var(--line); padding: .4rem .7rem .4rem 0; text-align: left; vertical-align: top; }
        tbody th { font-weight: 600; overflow-wrap: anywhere; }
        td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        td.findings { min-width: 18rem; overflow-wrap: anywhere; }
        ul { margin: 0; padding-left: 1.1rem; }
        small { color: var(--quiet); font-weight: 400; overflow-wrap: anywhere; }
        .good { color: var(--good); }
        .warn { color: var(--warn); }
        .bad { color: var(--bad); font-weight: 600; }
        .badge { background: var(--bad); color: var(--on-bad); font-weight: 600; padding: 0 .4rem; border-radius: .2rem; }
        footer { margin-top: 1.5rem; color: var(--quiet); }
        """;

    /// <param name="status">Of the whole.</param>
    /// <param name="logs">All of them.</param>
    /// <param name="late">The loops that are stalled.</param>
    /// <param name="now">The time.</param>
    /// <param name="refresh">The page reloads itself after so many seconds; null: it does not.</param>
    public static string Of(
        FeederStatus status, IReadOnlyList<LogStatus> logs, IReadOnlyList<LateLoop> late, DateTimeOffset now, int? refresh)
    {
        var html = new EncodedHtml();
        var summary = StatusSentence.Of(status.IsReady, false, logs, status.Faults.Count, late, now);
        Head(html, summary, refresh);
        Faults(html, status, late);
        Unclaimed(html, status);
        if (status.Quarantine?.Full is { } full)
        {
            html.Add($"<h2 class=\"bad\">Quarantine is full</h2>\n<p class=\"bad\">{full}</p>\n");
        }

        Logs(html, logs, now);
        Foot(html, status, now, refresh);
        return html.ToString();
    }

    private static void Head(EncodedHtml html, string summary, int? refresh)
    {
        html.Add($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">

            """);
        if (refresh is { } seconds)
        {
            html.Add($"<meta http-equiv=\"refresh\" content=\"{Number(seconds)}\">\n");
        }

        html.Add($"""
            <title>kafkafeeder: {summary}</title>
            <link rel="stylesheet" href="/style.css">
            </head>
            <body>
            <main>
            <h1>kafkafeeder</h1>
            <p class="summary">{summary}</p>

            """);
    }

    private static void Faults(EncodedHtml html, FeederStatus status, IReadOnlyList<LateLoop> late)
    {
        if (late.Count > 0)
        {
            html.Add($"<h2 class=\"bad\">Stalled</h2>\n<ul>\n");
            foreach (var loop in late.Take(MaxFaults))
            {
                html.Add(
                    $"<li class=\"bad\">{loop.Name} has made no progress for {Words.Age(loop.By)}: see what it waits for, such as a "
                        + $"disk or a mount, or restart the daemon</li>\n");
            }

            html.Add($"</ul>\n");
        }

        if (status.Faults.Count > 0)
        {
            html.Add($"<h2 class=\"bad\">Faults in kafkafeeder.yaml files</h2>\n<p>Until these are corrected, the last good settings "
                + $"apply. A log that never had any is not shipped.</p>\n<ul>\n");
            foreach (var fault in status.Faults.Take(MaxFaults))
            {
                html.Add($"<li class=\"bad\">{fault.ToString()}</li>\n");
            }

            html.Add($"</ul>\n");
            if (status.Faults.Count > MaxFaults)
            {
                html.Add($"<p>And {status.Faults.Count - MaxFaults} more.</p>\n");
            }
        }
    }

    private static void Unclaimed(EncodedHtml html, FeederStatus status)
    {
        if (status.Unclaimed.Count == 0)
        {
            return;
        }

        html.Add($"<h2 class=\"bad\">Segments that are not shipped</h2>\n<p>Add an entry to a kafkafeeder.yaml, or correct its "
            + $"name; bring back directories that are gone; or move the files away.</p>\n<ul>\n");
        foreach (var segments in status.Unclaimed.Take(MaxFaults))
        {
            html.Add($"<li class=\"bad\">{segments.ToString()}</li>\n");
        }

        html.Add($"</ul>\n");
        if (status.Unclaimed.Count > MaxFaults)
        {
            html.Add($"<p>And {status.Unclaimed.Count - MaxFaults} more.</p>\n");
        }
    }

    private static void Logs(EncodedHtml html, IReadOnlyList<LogStatus> logs, DateTimeOffset now)
    {
        html.Add($"""
            <div class="scroll" role="region" aria-label="Logs" tabindex="0">
            <table>
            <caption>Logs, those in trouble first</caption>
            <thead>
            <tr><th scope="col">Log</th><th scope="col">Topic</th><th scope="col">State</th><th scope="col">Lag</th>
            <th scope="col">Oldest unshipped</th><th scope="col">Rate</th><th scope="col">Shipped in this run</th>
            <th scope="col">Refused</th><th scope="col">Damaged</th><th scope="col">Torn</th><th scope="col">Lost</th>
            <th scope="col">Acknowledged up to</th><th scope="col">What is wrong, what to do</th></tr>
            </thead>
            <tbody>

            """);
        foreach (var (log, findings) in logs.Select(l => (l, Advice.On(l, now))).OrderByDescending(l => l.Item2.Any(f => f.IsRed))
            .ThenByDescending(l => l.l.IsInTrouble).Take(MaxLogs))
        {
            Row(html, log, findings, now);
        }

        html.Add($"</tbody>\n</table>\n</div>\n");
        if (logs.Count > MaxLogs)
        {
            html.Add($"<p>And {logs.Count - MaxLogs} more, in <a href=\"/status.json\">status.json</a>.</p>\n");
        }
    }

    private static void Row(EncodedHtml html, LogStatus log, IReadOnlyList<Finding> findings, DateTimeOffset now)
    {
        html.Add($"<tr><th scope=\"row\">{log.Options.Component}<br><small>{log.Directory}</small></th>");
        html.Add($"<td>{log.Options.Topic}<br><small>{log.Options.Broker}</small></td>");
        State(html, log);
        if (log.IsLookedAt)
        {
            html.Add($"<td class=\"number\">{Words.Bytes(log.LagBytes)}<br><small>{log.LagBytes} bytes</small></td>");
        }
        else
        {
            html.Add($"<td class=\"number\">?<br><small>not examined yet</small></td>");
        }

        var age = !log.IsLookedAt ? "?"
            : log.OldestUnshipped > 0 ? Words.Age(now - DateTimeOffset.FromUnixTimeMilliseconds(log.OldestUnshipped))
            : "–";
        html.Add($"<td class=\"number\">{age}</td>");
        html.Add($"<td class=\"number\">{Words.Bytes(log.BytesPerSecond)}/s</td>");
        html.Add($"<td class=\"number\">{log.ShippedRecords}<br><small>records, {Words.Bytes(log.ShippedBytes)}</small></td>");
        var (total, open) = (log.Ledger.Total, log.Ledger.Unacknowledged);
        Evidence(
            html,
            Words.Count(total.Rejected, "record", "records"),
            total.Rejected,
            Words.Count(open.Rejected, "record", "records"),
            open.Rejected);
        Evidence(html, Words.Bytes(total.Damaged), total.Damaged, Words.Bytes(open.Damaged), open.Damaged);
        Evidence(html, Words.Bytes(total.Torn), total.Torn, "", 0);
        Evidence(html, Words.Bytes(total.Lost), total.Lost, Words.Bytes(open.Lost), open.Lost);
        html.Add($"<td><small>{(log.Position.Length > 0 ? log.Position : log.IsLookedAt ? "the end" : "?")}</small></td>");
        html.Add($"<td class=\"findings\">");
        if (findings.Count > 0)
        {
            html.Add($"<ul>");
            foreach (var finding in findings)
            {
                if (finding.IsRed)
                {
                    html.Add($"<li><span class=\"bad\">{finding.What}</span><br>{finding.Do}</li>");
                }
                else
                {
                    html.Add($"<li>{finding.What}<br><small>{finding.Do}</small></li>");
                }
            }

            html.Add($"</ul>");
        }

        html.Add($"</td></tr>\n");
    }

    private static void Evidence(EncodedHtml html, string total, long totalCount, string open, long openCount)
    {
        html.Add($"<td class=\"number\">{(totalCount > 0 ? total : "–")}");
        if (openCount > 0)
        {
            html.Add($"<br><small class=\"bad\">{open} not acknowledged</small>");
        }

        html.Add($"</td>");
    }

    private static void State(EncodedHtml html, LogStatus log)
    {
        var state = log.State.ToString().ToLowerInvariant();
        switch (log.State)
        {
            case LogState.Held or LogState.Failed:
                html.Add($"<td><span class=\"badge\">{state}</span></td>");
                break;
            case LogState.Retrying:
            case var _ when log.HasIncidents:
                html.Add($"<td><span class=\"warn\">{state}</span></td>");
                break;
            default:
                html.Add($"<td><span class=\"good\">{state}</span></td>");
                break;
        }
    }

    private static void Foot(EncodedHtml html, FeederStatus status, DateTimeOffset now, int? refresh)
    {
        html.Add(
            $"</main>\n<footer>\n<p>As of {now.ToString("u", CultureInfo.InvariantCulture)}, version {Build.Version}, running for "
                + $"{Words.Age(now - status.Started)}. ");
        if (refresh is { } seconds)
        {
            html.Add($"Reloads every {Number(seconds)} s: <a href=\"/\">stop</a>.");
        }
        else
        {
            html.Add($"<a href=\"/?refresh=5\">Reload every 5 s</a>.");
        }

        html.Add($"""
            </p>
            <p>Also: <a href="/status.json">status.json</a>, <a href="/metrics">metrics</a>, <a href="/healthz">healthz</a>,
            <a href="/readyz">readyz</a>.</p>
            </footer>
            </body>
            </html>

            """);
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
