namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// What the daemon does about a produce error, by Kafka's error code. Source: Kafka's <c>Errors</c>; the negative codes are
/// librdkafka's (rdkafka.h).
/// </summary>
internal static class ProduceErrors
{
    /// <summary>The outcome for an error code. An unknown code is never an acknowledgement.</summary>
    public static OutcomeKind KindOf(int code) => code switch
    {
        0 => OutcomeKind.Acknowledged,

        2 // CORRUPT_MESSAGE: damaged during transmission
        or 5 // LEADER_NOT_AVAILABLE
        or 6 // NOT_LEADER_OR_FOLLOWER
        or 7 // REQUEST_TIMED_OUT
        or 8 // BROKER_NOT_AVAILABLE
        or 9 // REPLICA_NOT_AVAILABLE
        or 13 // NETWORK_EXCEPTION
        or 14 // COORDINATOR_LOAD_IN_PROGRESS
        or 15 // COORDINATOR_NOT_AVAILABLE
        or 19 // NOT_ENOUGH_REPLICAS
        or 20 // NOT_ENOUGH_REPLICAS_AFTER_APPEND
        or 41 // NOT_CONTROLLER
        or 51 // CONCURRENT_TRANSACTIONS
        or 56 // KAFKA_STORAGE_ERROR
        or 72 // LISTENER_NOT_FOUND
        or 74 // FENCED_LEADER_EPOCH
        or 75 // UNKNOWN_LEADER_EPOCH
        or 89 // THROTTLING_QUOTA_EXCEEDED
        or -195 // _TRANSPORT
        or -187 // _ALL_BROKERS_DOWN
        or -193 // _RESOLVE
        or -184 // _QUEUE_FULL
        or -183 // _ISR_INSUFF
        or -180 // _WAIT_COORD
        or -185 => OutcomeKind.Retriable, // _TIMED_OUT

        3 // UNKNOWN_TOPIC_OR_PARTITION
        or 17 // INVALID_TOPIC_EXCEPTION
        or 21 // INVALID_REQUIRED_ACKS
        or 29 // TOPIC_AUTHORIZATION_FAILED
        or 31 // CLUSTER_AUTHORIZATION_FAILED
        or 33 // UNSUPPORTED_SASL_MECHANISM
        or 34 // ILLEGAL_SASL_STATE
        or 43 // UNSUPPORTED_FOR_MESSAGE_FORMAT
        or 44 // POLICY_VIOLATION
        or 54 // SECURITY_DISABLED
        or 58 // SASL_AUTHENTICATION_FAILED
        or 76 // UNSUPPORTED_COMPRESSION_TYPE
        or 100 // UNKNOWN_TOPIC_ID
        or -188 // _UNKNOWN_TOPIC
        or -190 // _UNKNOWN_PARTITION
        or -169 // _AUTHENTICATION
        or -181 => OutcomeKind.Held, // _SSL

        4 // INVALID_FETCH_SIZE, librdkafka's INVALID_MSG_SIZE
        or 10 // MESSAGE_TOO_LARGE
        or 18 // RECORD_LIST_TOO_LARGE
        or 32 // INVALID_TIMESTAMP
        or 87 => OutcomeKind.Rejected, // INVALID_RECORD

        45 // OUT_OF_ORDER_SEQUENCE_NUMBER
        or 46 // DUPLICATE_SEQUENCE_NUMBER
        or 47 // INVALID_PRODUCER_EPOCH
        or 48 // INVALID_TXN_STATE
        or 49 // INVALID_PRODUCER_ID_MAPPING
        or 59 // UNKNOWN_PRODUCER_ID
        or 90 // PRODUCER_FENCED
        or -150 // _FATAL
        or -144 // _FENCED
        or -165 // _UNSUPPORTED_FEATURE
        or -148 => OutcomeKind.Fatal, // _GAPLESS_GUARANTEE

        _ => OutcomeKind.Unknown, // purged, timed out in the queue, and future codes
    };

    /// <summary>What a refusal with this code concerns.</summary>
    public static RejectionKind WhyRejected(int code) => code switch
    {
        32 => RejectionKind.Timestamp, // INVALID_TIMESTAMP
        87 => RejectionKind.Topic, // INVALID_RECORD
        _ => RejectionKind.Record,
    };

    /// <summary>True if a whole request may have been refused because of its size.</summary>
    public static bool IsOfSize(int code) => code is 10 or 18; // MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE

    /// <summary>True if the error concerns the brokers themselves, and not a topic or a record.</summary>
    public static bool IsOfBrokers(int code) => code is -195 or -193 or -187 or -185 or -181 or -169 or -166 or 33 or 34 or 58;

    /// <summary>True if none of the brokers can be reached.</summary>
    public static bool IsNoBroker(int code) => code == -187; // _ALL_BROKERS_DOWN

    /// <summary>
    /// If a batch has several kinds of outcome, the one that decides what to do next: first a broken producer, then something that a
    /// person must repair, then refused records, then unknown outcomes, then transient errors.
    /// </summary>
    public static OutcomeKind Graver(OutcomeKind left, OutcomeKind right) => Rank(left) >= Rank(right) ? left : right;

    private static int Rank(OutcomeKind kind) => kind switch
    {
        OutcomeKind.Acknowledged => 0,
        OutcomeKind.Retriable => 1,
        OutcomeKind.Unknown => 2,
        OutcomeKind.Rejected => 3,
        OutcomeKind.Held => 4,
        _ => 5,
    };
}
