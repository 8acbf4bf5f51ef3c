//! The macro behind request objects: one borrowed pass, duplicates refused, unknown names kept.

/// Declares a request object whose members are all optional.
///
/// `null` counts as absent. The names of members that are not declared are collected in
/// `unknown`, so that what is not understood can be reported. Which members must be there is for
/// the reader to say, since only it knows the path.
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
            /// Names of members that this type does not know, in order.
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
