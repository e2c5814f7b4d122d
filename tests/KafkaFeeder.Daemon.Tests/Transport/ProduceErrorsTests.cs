using Confluent.Kafka;
using KafkaFeeder.Daemon.Transport;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport;

public sealed class ProduceErrorsTests
{
    /// <summary>The names of the client library beside our numbers: a wrong number in the table fails here.</summary>
    [Theory]
    [InlineData(ErrorCode.NoError, nameof(OutcomeKind.Acknowledged))]
    [InlineData(ErrorCode.InvalidMsg, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.LeaderNotAvailable, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.NotLeaderForPartition, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.RequestTimedOut, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.BrokerNotAvailable, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.ReplicaNotAvailable, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.NetworkException, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.NotEnoughReplicas, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.NotEnoughReplicasAfterAppend, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.NotController, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.ConcurrentTransactions, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.KafkaStorageError, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.ListenerNotFound, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.FencedLeaderEpoch, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.UnknownLeaderEpoch, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.Local_Transport, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.Local_AllBrokersDown, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.Local_Resolve, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.Local_QueueFull, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.Local_IsrInsuff, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.Local_WaitCoord, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.Local_TimedOut, nameof(OutcomeKind.Retriable))]
    [InlineData(ErrorCode.UnknownTopicOrPart, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.TopicException, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.InvalidRequiredAcks, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.TopicAuthorizationFailed, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.ClusterAuthorizationFailed, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.UnsupportedSaslMechanism, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.IllegalSaslState, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.UnsupportedForMessageFormat, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.PolicyViolation, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.SecurityDisabled, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.SaslAuthenticationFailed, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.UnsupportedCompressionType, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.Local_UnknownTopic, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.Local_UnknownPartition, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.Local_Authentication, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.Local_Ssl, nameof(OutcomeKind.Held))]
    [InlineData(ErrorCode.InvalidMsgSize, nameof(OutcomeKind.Rejected))]
    [InlineData(ErrorCode.MsgSizeTooLarge, nameof(OutcomeKind.Rejected))]
    [InlineData(ErrorCode.RecordListTooLarge, nameof(OutcomeKind.Rejected))]
    [InlineData(ErrorCode.InvalidTimestamp, nameof(OutcomeKind.Rejected))]
    [InlineData(ErrorCode.InvalidRecord, nameof(OutcomeKind.Rejected))]
    [InlineData(ErrorCode.OutOfOrderSequenceNumber, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.DuplicateSequenceNumber, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.InvalidProducerEpoch, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.InvalidTxnState, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.InvalidProducerIdMapping, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.UnknownProducerId, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.ProducerFenced, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.Local_Fatal, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.Local_Fenced, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.Local_UnsupportedFeature, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.Local_GaplessGuarantee, nameof(OutcomeKind.Fatal))]
    [InlineData(ErrorCode.Local_MsgTimedOut, nameof(OutcomeKind.Unknown))]
    [InlineData(ErrorCode.Local_PurgeQueue, nameof(OutcomeKind.Unknown))]
    [InlineData(ErrorCode.Local_PurgeInflight, nameof(OutcomeKind.Unknown))]
    [InlineData(ErrorCode.Unknown, nameof(OutcomeKind.Unknown))]
    public void Each_error_has_its_outcome(ErrorCode code, string kind) => Assert.Equal(kind, ProduceErrors.KindOf((int)code).ToString());

    [Fact]
    public void Only_the_code_for_no_error_is_an_acknowledgement()
    {
        for (var code = -1_000; code <= 10_000; code++)
        {
            Assert.Equal(code == 0, ProduceErrors.KindOf(code) == OutcomeKind.Acknowledged);
        }

        Assert.Equal(OutcomeKind.Unknown, ProduceErrors.KindOf(int.MinValue));
        Assert.Equal(OutcomeKind.Unknown, ProduceErrors.KindOf(int.MaxValue));
    }

    [Fact]
    public void The_graver_of_two_outcomes_wins_in_either_order()
    {
        var kinds = Enum.GetValues<OutcomeKind>();
        foreach (var left in kinds)
        {
            foreach (var right in kinds)
            {
                Assert.Equal(ProduceErrors.Graver(left, right), ProduceErrors.Graver(right, left));
                Assert.Equal(left == OutcomeKind.Acknowledged
                    && right == OutcomeKind.Acknowledged, ProduceErrors.Graver(left, right) == OutcomeKind.Acknowledged);
            }
        }
    }
}
