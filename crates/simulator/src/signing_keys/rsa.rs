//! An RSA key for tests. It is published with this source, so its signatures prove nothing.

/// The private key, PKCS #8 in base64. Making one at each start would take seconds.
pub(super) const TEST_KEY: &str = "\
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC+BDOGTZ2OZklNqoA8vurJKY6s6hdrt9IKXcTNuSpc7DJa\
    gKP5W9OFQUkdZ77n+765rfDqXFtjhSpxNSYgIomN3ot2G12Kt0B3Iz3Z0P5KJx/fwN365iZT7gZFD5fu6Qkes2woV3+lDq7/\
    ua/NoX7qyuLluaH2w1TvWSLfdm83LQrSdlxno+axnAX+VqV7DA0oCD8W6fRMN51ZiIlh4AWwF85D0WmAKAXqdgRAIu/ZD63j\
    WCHEmJiWvVaWyd4GSJy/eTaNjTOZfau1onWdFzIAAzGx5qu62wPO8TUkvVsxrcJONZqzABVHcodqo0Swabm6580zhPrzj2qg\
    ceQCKmQjAgMBAAECggEATA4Tb3yuhRo02fTWOjoycI0FMfnKoQ9k70hD5xHnvmS97NKTj1HtUmdks/PcCi+N0fUoui14WNeq\
    usBKv88DHrlGOeJPKSAbGfSNo5rOxXBuhhlE4FFxYuOhN9A7gGFfCJ5JOsZ27WJ4shupHdW3npPRiKCqDsJ1Qw368tWNQ1g/\
    pNHSNGw4tjY4gUxBYDh9gjy4L9lljO/HndM86d2Q70d0cFv233br0L7FOQsgVuIwVlN341knNOR3v5PMgd6yN2qyxLOEWD4k\
    o7Hg3TVdcQr7Ws2o514PI+nW5pcPzVck+sZ4jWRav52DFEJCudkyg2f3xmbP6rMtkNjgOnBraQKBgQDpkrU+RkT6qa7tYlkd\
    +Dup4Ej9Q1Tf3MzYCA1SYEZohSTDIJ2V6pZuyom/jSBpKykwlCgMhEKtI9gv1LSk0+vc3MH5EG1FaRNbeRrKc96hoVVCKwdA\
    dYh34fQPG+b5SpxX5Cq4y2OmrMWhKh6rgyLaXk9gTu7bJF31AKu3CddS+QKBgQDQQtuv4evzpNJQihqdeDT+aAYL8eiOfvNZ\
    4KkrPE6ccTUWUE0JizxUqZsP1w1iaK66UbZlyVhv5CoM5onEheyJaIfbcD/d/biPNusPqnhoVVhvj4dv8flOzwN0citi+iId\
    k1Mcxh+B3Ujf+CPV355IXE2Fcs/n3UFfzVr1r4Ta+wKBgFUDBZ512vNUwQs7aW4kBCsvK8GqOQEFjzTtsVOTIO030IqIm3KO\
    IFSQuRQT3IEKqYI52l274by8uBmolFsNmuIXIy5wkSTbOqVnbZ3UEGrJmotrt8b5QENJ5Rd+s1F2m3LN49LAjDOE3KVs/B62\
    qv/JpaBK+lqeYOgkZ1tGZK2ZAoGAYZHxOsWttchSgEkzjvLyYP57Vr1PJvNzL3iByS/H5KNlK78TWJVS/pc3foRSUPiaY9BE\
    lAtw03sh+ElJ4jicSQQgIj7ErUxhWzdviTdkkfzqIdosqdXD55g1FiknCogF07ViCukHeeAidEvc/iZ2EZCtAQh5Pzf5mNis\
    9M32gGECgYEA1TAj7zFnEHESHgwfxERpandtdiVbDR8y20NAXAFP2mnvJbRiSDbUGvtkbfkmZZ1GlBSXjdHLVy9EUvrwfrsz\
    cE87n3ipsoev0MG3dFW68DJWlzXtGxk5J7t8N1Dig13BsLi+CwjmqdjdFWeBn4D4Sq7LdOfAJjTj+pKPK6u/tss=";
