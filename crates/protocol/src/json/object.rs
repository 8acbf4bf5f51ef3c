//! The macro that declares request objects: one borrowed pass, which refuses duplicate members and
//! collects the names of unknown ones.

/// Declares a request object whose members are all optional.
///
/// A member that is `null` is treated as absent. The names of undeclared members are collected in
/// `unknown`, so that they can be reported. Required members are checked by the caller, which knows
/// the path of the object and can name it in the error; a `Deserialize` implementation does not.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident<'b> {
            $($(#[$field_meta:meta])* $field:ident: $type:ty = $key:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub struct $name<'b> {
            $($(#[$field_meta])* pub $field: Option<$type>,)*
            /// Names of undeclared members, in order.
            pub unknown: Vec<std::borrow::Cow<'b, str>>,
        }

        impl<'de: 'b, 'b> serde::Deserialize<'de> for $name<'b> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor<'b>(std::marker::PhantomData<&'b ()>);

                impl<'de: 'b, 'b> serde::de::Visitor<'de> for ObjectVisitor<'b> {
                    type Value = $name<'b>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<$crate::json::Text<'de>>()? {
                            match &*key {
                                $($key => {
                                    if object.$field.is_some() {
                                        return Err(serde::de::Error::duplicate_field($key));
                                    }
                                    object.$field = map.next_value()?;
                                })*
                                _ => {
                                    let value = map.next_value::<$crate::json::Raw<'de>>()?;
                                    if value.text() != "null" {
                                        object.unknown.push(key.0);
                                    }
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
            }
        }
    };
}

pub(crate) use object;
