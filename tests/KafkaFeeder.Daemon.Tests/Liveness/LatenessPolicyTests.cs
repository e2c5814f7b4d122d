using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Liveness;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Liveness;

public sealed class LatenessPolicyTests
{
    private static readonly Arbitrary<int[]> Dues = Gen.Choose(-1_000, 1_000).ArrayOf().ToArbitrary();
    private static readonly Arbitrary<(int Now, int Limit)> Whens =
        Gen.Choose(-1_000, 1_000).SelectMany(now => Gen.Choose(1, 500).Select(limit => (now, limit))).ToArbitrary();

    [Fact]
    public void A_loop_is_late_when_more_than_the_limit_has_passed_since_it_was_due() => Prop.ForAll(Dues, Whens, (dues, when) =>
    {
        var late = Late(dues, when).Select(l => l.Name).ToHashSet();
        return dues.Select((due, i) => (when.Now - due > when.Limit) == late.Contains(NameOf(i))).All(right => right);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_latest_loop_comes_first_and_each_has_its_own_lateness() => Prop.ForAll(Dues, Whens, (dues, when) =>
    {
        var late = Late(dues, when);
        return late.Select(l => l.By).SequenceEqual(late.Select(l => l.By).OrderDescending())
            && late.All(
                l => l.By == TimeSpan.FromSeconds(when.Now - dues[int.Parse(l.Name, System.Globalization.CultureInfo.InvariantCulture)]));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Time_only_adds_late_loops_and_a_longer_limit_only_removes_some() => Prop.ForAll(Dues, Whens, (dues, when) =>
    {
        var names = Late(dues, when).Select(l => l.Name).ToHashSet();
        return names.IsSubsetOf(Late(dues, (when.Now + 7, when.Limit)).Select(l => l.Name))
            && names.IsSupersetOf(Late(dues, (when.Now, when.Limit + 7)).Select(l => l.Name));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_turn_of_one_loop_changes_nothing_for_the_others() => Prop.ForAll(Dues, Whens, (dues, when) =>
        dues.Select((_, i) => i).All(i =>
        {
            int[] turned = [.. dues];
            turned[i] = when.Now;
            return Late(turned, when).ToHashSet().SetEquals(Late(dues, when).Where(l => l.Name != NameOf(i)));
        })).QuickCheckThrowOnFailure();

    private static IReadOnlyList<LateLoop> Late(int[] dues, (int Now, int Limit) when) => LatenessPolicy.Late(
        dues.Select((due, i) => new LoopState(NameOf(i), TimeSpan.FromSeconds(due))),
        TimeSpan.FromSeconds(when.Now),
        TimeSpan.FromSeconds(when.Limit));

    private static string NameOf(int i) => i.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
